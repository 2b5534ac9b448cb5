"""The section `keys` of a file -> where the network's secrets are kept."""

from __future__ import annotations

from meshc.diagnostics import Diagnostics
from meshc.topology.language.read.document import Document
from meshc.topology.language.spec import KeysSpec


def keys_spec(document: Document, diagnostics: Diagnostics) -> KeysSpec:
    """Recipients and the kind of store must fit each other."""
    data = document.keys
    store, recipients = data.get("store", "plain"), tuple(data.get("recipients", ()))
    written = document.source.data.get("keys") or {}
    if store == "age" and not written.get("recipients"):
        document.report(
            diagnostics,
            "E125",
            "an encrypted store needs `recipients`",
            ("keys", "store"),
            "write who may read the secrets, `recipients: [age1…]`; `age-keygen` makes an identity "
            "and prints its recipient.",
        )
    if store != "age" and recipients:
        document.report(
            diagnostics,
            "E125",
            f"a store that is {store} encrypts to nobody",
            ("keys", "recipients"),
            "write `store: age` beside them; `meshc keys encrypt` then encrypts what is there.",
        )
    return KeysSpec(store, tuple(dict.fromkeys(recipients)))
