"""Who can read a network's secrets: the section `keys` of the file, and `keys/` brought in line.

The file is written first: what is cut short then is found by the next command, and ended by doing
it again.
"""

from __future__ import annotations

import json
from pathlib import Path

from meshc.build.topology_edits import change_topology, done
from meshc.build.topology_file import read_spec
from meshc.build.workspace import Workspace
from meshc.diagnostics import Diagnostics
from meshc.errors import StateError
from meshc.keystore.age_sealing import AgeSealing
from meshc.keystore.identities import given_identities
from meshc.keystore.resealing import Resealed, lies_in_the_clear, recorded_recipients, reseal
from meshc.keystore.secret_sealing import CLEAR
from meshc.topology.language.edit import edited
from meshc.topology.language.spec import KeysSpec, Spec

_PROBE = b"meshc: can those who encrypt this read it?\n"


def key_settings(file: Path) -> KeysSpec:
    """The section of the file. Raises: Refused, StateError."""
    diagnostics = Diagnostics()
    spec = read_spec(file, diagnostics)
    diagnostics.barrier()
    return spec.keys


def check_recipients(spec: Spec, directory: Path, diagnostics: Diagnostics) -> None:
    """Finds that the secrets are encrypted to others than the file says: somebody left, or came,
    and `meshc keys encrypt` was not run or not ended."""
    recorded = recorded_recipients(directory)
    if spec.keys.store == "age" and recorded and set(recorded) != set(spec.keys.recipients):
        diagnostics.add(
            "W358",
            f"{directory.name}/ is not encrypted to those whom `keys.recipients` names",
            spec.network.locations.get(""),
            path="keys.recipients",
            hint="bring it in line: meshc keys encrypt",
        )


def encrypt(
    file: Path, recipients: tuple[str, ...], *, for_others: bool = False
) -> Resealed | None:
    """Encrypts every secret to `recipients`, which the file then names; None when that is so.

    Raises: StateError when none of the identities given could read it afterwards, unless it is
    `for_others`; Refused, OSError.
    """
    directory = Workspace(file).directory / "keys"
    if not recipients:
        raise StateError(
            "nobody is named who may read the secrets",
            hint="meshc keys encrypt FILE --recipient age1…; `age-keygen` makes an identity",
        )
    sealing = AgeSealing(recipients, given_identities)
    probe = sealing.seal(_PROBE)
    if not for_others:
        _must_open(sealing, probe)
    settings = key_settings(file)
    if settings != KeysSpec("age", recipients):
        _write(file, "age", recipients)
    if recorded_recipients(directory) == recipients and not lies_in_the_clear(directory):
        return None
    with Workspace(file).locked():
        directory.mkdir(mode=0o700, exist_ok=True)
        return reseal(directory, sealing, sealing)


def decrypt(file: Path) -> Resealed:
    """Puts every secret into `keys/` in the clear. Raises: StateError, Refused, OSError."""
    settings = key_settings(file)
    directory = Workspace(file).directory / "keys"
    opening = AgeSealing(settings.recipients, given_identities)
    if settings.store != "plain":
        _write(file, "plain", ())
    with Workspace(file).locked():
        directory.mkdir(mode=0o700, exist_ok=True)
        return reseal(directory, opening, CLEAR)


def _must_open(sealing: AgeSealing, probe: bytes) -> None:
    try:
        sealing.open(probe, Path("what is encrypted to them"))
    except StateError as error:
        raise StateError(
            f"you could not read the secrets afterwards: {error}",
            hint="give the identity that belongs to one of the recipients with --identity, or say "
            "that it is meant so with --for-others",
        ) from None


def _write(file: Path, store: str, recipients: tuple[str, ...]) -> None:
    """The section `keys` says so. Raises: Refused, StateError, OSError."""

    def change(text: str) -> str:
        if edited.section(text, "keys"):
            text = done(edited.without(text, ("keys",)), file)
        if store == "plain":
            return text
        text = done(edited.with_entry(text, "keys", "store", store), file)
        return done(
            edited.with_entry(text, "keys", "recipients", json.dumps(list(recipients))), file
        )

    change_topology(file, change)
