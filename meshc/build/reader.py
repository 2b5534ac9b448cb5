"""The reader of a build directory: its manifest, and the files of a node as they are now.

It knows nothing of the topology. Everything that looks at a finished build goes through it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from meshc.errors import StateError
from meshc.files import read_regular
from meshc.render import manifest
from meshc.render.manifest import Manifest, ManifestEntry
from meshc.secret import SecretBytes, SecretText
from meshc.values import dataclass

BUILD_AGAIN = "run `meshc build` again"
FACTS = "node.json"


@dataclass(frozen=True, slots=True)
class BuiltNode:
    """What was built for one node: its wg-quick file, and the facts beside it (`node.json`), None
    where there are none."""

    name: str
    path: Path
    conf: SecretBytes
    facts: bytes | None = None

    def text(self) -> SecretText:
        """The wg-quick file. Raises: StateError when it is not UTF-8."""
        try:
            return SecretText(self.conf.reveal().decode())
        except UnicodeDecodeError:
            raise StateError(f"{self.path} is not UTF-8 text", hint=BUILD_AGAIN) from None


class BuildReader:
    """One build directory. `manifest` says which files belong to which node, and what they were
    when they were written."""

    def __init__(self, directory: Path, built: Manifest) -> None:
        self.directory = directory
        self.manifest = built

    @cached_property
    def confs(self) -> Mapping[str, ManifestEntry]:
        """The wg-quick file of each node, in the order of their paths."""
        return {
            entry.node: entry
            for entry in sorted(self.manifest.files.values())
            if entry.node and entry.path.endswith(".conf")
        }

    def node(self, name: str) -> BuiltNode:
        """Raises: StateError when nothing was built for it, or a file of it is gone."""
        entry = self.confs.get(name)
        if entry is None:
            from difflib import get_close_matches  # only for mistakes

            names = sorted(self.confs)
            close = get_close_matches(name, names, 1)
            hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(names[:12])}"
            raise StateError(f"{self.directory} has no configuration for {name!r}", hint=hint)
        facts = self.manifest.files.get(f"{name}/{FACTS}")
        return BuiltNode(
            name,
            self.path(entry),
            SecretBytes(self.content(entry)),
            None if facts is None else self.content(facts),
        )

    def hosts(self) -> str:
        """The lines for /etc/hosts; empty when there is no such file."""
        return (read_regular(self.directory / "hosts") or b"").decode("utf-8", "replace")

    def path(self, entry: ManifestEntry) -> Path:
        return self.directory / entry.path

    def content(self, entry: ManifestEntry) -> bytes:
        """What is in a file now. Raises: StateError when it is gone, or no ordinary file."""
        content = read_regular(self.path(entry))
        if content is None:
            raise StateError(f"{self.path(entry)} is missing", hint=BUILD_AGAIN)
        return content

    def require_all(self) -> None:
        """Raises: StateError when a file of the manifest is gone."""
        files = self.manifest.files
        missing = sorted(path for path in files if not (self.directory / path).exists())
        if missing:
            shown = ", ".join(missing[:5]) + (" …" if len(missing) > 5 else "")
            raise StateError(
                f"{len(missing)} of {len(files)} files of the build of {self.manifest.network} are "
                f"missing in {self.directory}: {shown}",
                hint=BUILD_AGAIN,
            )


def open_build(directory: Path, *, file: Path) -> BuildReader:
    """The build in `directory`; `file` is the topology file, for the hint.

    Raises: StateError when nothing was built there.
    """
    built = read_manifest(directory)
    if built is None:
        raise StateError(f"{directory} holds no build", hint=f"build it first: meshc build {file}")
    return BuildReader(directory, built)


def read_manifest(directory: Path) -> Manifest | None:
    """None when there is none. Raises: StateError when it is not one of ours."""
    content = read_regular(directory / manifest.NAME)
    return None if content is None else manifest.parse(content.decode("utf-8", "replace"))
