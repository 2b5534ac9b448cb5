"""The emitted configuration of one node, found through the build's manifest."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from meshc.build.workspace import Workspace
from meshc.errors import StateError
from meshc.files import read_regular
from meshc.render import manifest


def node_conf(file: Path, node: str, *, build: Path | None = None) -> Path:
    """The wg-quick file of `node` in the build directory of a topology file.

    Raises: StateError when nothing was built, the node is unknown, or nothing is emitted for it.
    """
    directory = build or Workspace(file).build
    content = read_regular(directory / "manifest.json")
    if content is None:
        raise StateError(f"{directory} holds no build", hint=f"build it first: meshc build {file}")
    entries = manifest.parse(content.decode()).files.values()
    for entry in entries:
        if entry.node == node and entry.path.endswith(".conf"):
            return directory / entry.path
    names = sorted({entry.node for entry in entries if entry.node})
    close = get_close_matches(node, names, 1)
    hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(names[:12])}"
    raise StateError(f"{directory} has no configuration for {node!r}", hint=hint)
