"""The topology file of a workspace, read."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from meshc.build.workspace import Workspace
from meshc.diagnostics import Diagnostics
from meshc.errors import Refused, StateError
from meshc.files import read_regular
from meshc.topology.language.load import load_spec
from meshc.topology.language.read.includes import Opener, Unopened
from meshc.topology.language.read.source_text import MAX_BYTES
from meshc.topology.language.spec import Spec


def read_spec(path: Path, diagnostics: Diagnostics) -> Spec:
    """Raises: Refused when the file is unusable, StateError when there is none, OSError."""
    if Workspace(path).lock_file == path:
        raise StateError(
            f"{path} has the name of a lock file, which a build writes",
            hint="name the topology file .yaml",
        )
    spec = load_spec(
        topology_content(path),
        file=str(path),
        diagnostics=diagnostics,
        opened=files_beside(path.parent),
        today=today(),
    )
    if spec is None:
        raise Refused(diagnostics.sorted())
    return spec


def topology_content(path: Path) -> bytes:
    """The bytes of a topology file, also through a link. Raises: StateError, OSError."""
    content = read_regular(path.resolve())
    if content is None:
        raise StateError(
            f"there is no file {path}", hint="write a starter file with: meshc init mesh.yaml"
        )
    return content


def files_beside(directory: Path) -> Opener:
    """Opens what a topology in `directory` includes: ordinary files, links to them too."""

    def opened(name: str) -> bytes | Unopened:
        path = (directory / name).resolve()
        try:
            content = read_regular(path, limit=MAX_BYTES)
        except StateError as error:
            return Unopened(str(error).removeprefix(f"{path} "))
        return Unopened("there is no such file") if content is None else content

    return opened


def today() -> str:
    """The date by which nodes expire; the same day for all who build at one time (UTC)."""
    return datetime.now(UTC).date().isoformat()
