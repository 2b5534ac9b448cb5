"""Keys that a file gives: one for each node, from one place."""

from __future__ import annotations

from meshc.diagnostics import Diagnostics
from meshc.keys import PublicKey
from meshc.topology.language.read.document import Document
from meshc.topology.language.spec import NodeSpec, Spec
from meshc.topology.language.wording import quote


def check_keys(spec: Spec, document: Document, diagnostics: Diagnostics) -> None:
    """E155 for a public key used twice, E156 without one, E157 for two sources."""
    seen: dict[PublicKey, str] = {}
    for name in document.nodes:  # in the order of the file: the second use is the mistake
        node = spec.nodes[name]
        if node.public_key is not None:
            first = seen.setdefault(node.public_key, name)
            if first != name:
                document.report(
                    diagnostics,
                    "E155",
                    f"{quote(name)} has the same public key as {quote(first)}",
                    ("nodes", name, "public_key"),
                    "every node needs a key of its own.",
                )
        elif not node.managed and ("nodes", name) not in document.damaged:
            document.report(
                diagnostics,
                "E156",
                f"{quote(name)} is managed by somebody else and has no public key",
                ("nodes", name),
                "add `public_key:`; its owner sees it with `wg show INTERFACE public-key`.",
                key=True,
            )
        if node.private_key_file is not None and node.private_key_command is not None:
            _two_sources(document, diagnostics, node)


def _two_sources(document: Document, diagnostics: Diagnostics, node: NodeSpec) -> None:
    own = document.nodes[node.name]
    key = next((k for k in ("private_key_command", "private_key_file") if k in own), "")
    document.report(
        diagnostics,
        "E157",
        f"the key of {quote(node.name)} comes from a file and from a command",
        ("nodes", node.name, key) if key else ("nodes", node.name),
        "keep one of `private_key_file` and `private_key_command`.",
        key=True,
    )
