"""The build directory: new files wait in a staging place until all of them are known to be good.

Nothing that is there is touched before `commit`. A file whose content is the same keeps its
time. Files of nodes that are gone are deleted, but only when the old manifest says that meshc
wrote them and nobody has changed them since.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from meshc.errors import StateError
from meshc.render import manifest
from meshc.render.artifact import Artifact
from meshc.render.manifest import Entry, Manifest
from meshc.workspace.files import write_all

_LIMIT = 1 << 30
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Staged(NamedTuple):
    """One file of the new build. `old` is what is in its place now, None when nothing is.
    `same` says that neither content nor mode differ."""

    entry: Entry
    old: bytes | None
    same: bool


class BuildDirectory:
    """One build into `path`. `foreign` collects files that were left alone and why."""

    def __init__(self, path: Path, *, topology: str, network: str) -> None:
        self.path = path
        self.topology = topology
        self.network = network
        self.before = self._read_manifest()
        self.kept: list[str] = []
        self._entries: dict[str, Entry] = {}
        self._waiting: list[tuple[Path, str]] = []
        self._modes: list[tuple[str, int]] = []
        self._staging: Path | None = None
        self._directories: set[str] = set()

    @contextmanager
    def staging(self) -> Iterator[None]:
        """Whatever is staged inside disappears again unless it was committed."""
        try:
            yield
        finally:
            if self._staging is not None:
                shutil.rmtree(self._staging, ignore_errors=True)

    def stage(self, artifact: Artifact, *, write: bool = True) -> Staged:
        """Takes one file of the new build; without `write` it is only compared.

        Raises: StateError, OSError.
        """
        content = artifact.content
        entry = Entry(
            path=artifact.path,
            node=artifact.node,
            mode=artifact.mode,
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            secret=artifact.secret,
            purpose=artifact.purpose,
        )
        self._entries[entry.path] = entry
        old, mode = self._current(entry.path)
        same = old == content
        if write and not same:
            self._waiting.append((self._write(content, artifact.mode), entry.path))
        elif write and mode != artifact.mode:
            self._modes.append((entry.path, artifact.mode))
        return Staged(entry, old, same)

    def stale(self) -> list[Entry]:
        """Files of the build before that the new one does not have."""
        return [e for path, e in sorted(self.before.files.items()) if path not in self._entries]

    def manifest_text(self) -> str:
        return manifest.render(self.topology, self.network, self._entries.values())

    def commit(self) -> None:
        """Puts the staged files into place, removes stale ones, writes the manifest last.

        Raises: OSError, StateError.
        """
        text = self.manifest_text().encode()
        old, _ = self._current(manifest.NAME)
        if old != text:
            self._waiting.append((self._write(text, 0o644), manifest.NAME))
        for temporary, path in self._waiting:
            self._keep_edited(path)
            target = self.path / path
            os.rename(temporary, target)
        for path, mode in self._modes:
            os.chmod(self.path / path, mode)
        for entry in self.stale():
            self._remove(entry)

    def _write(self, content: bytes, mode: int) -> Path:
        if self._staging is None:
            self._staging = self._make_staging()
        temporary = self._staging / str(len(self._waiting))
        descriptor = os.open(temporary, _CREATE, mode)
        try:
            os.fchmod(descriptor, mode)
            write_all(descriptor, content)
        finally:
            os.close(descriptor)
        return temporary

    def _make_staging(self) -> Path:
        if not self.path.exists():
            self.path.mkdir(parents=True)
            # every node's private key is in here
            (self.path / ".gitignore").write_text("*\n")
        staging = self.path / f".new-{secrets.token_hex(8)}"
        staging.mkdir(mode=0o700)
        return staging

    def _current(self, path: str) -> tuple[bytes | None, int]:
        """Content and mode of what is in the place of a file now."""
        self._check_parents(path)
        try:
            descriptor = os.open(self.path / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return None, 0
        except OSError as error:
            raise self._in_the_way(path) from error
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_size > _LIMIT:
                raise self._in_the_way(path)
            content = os.read(descriptor, status.st_size + 1)
            while len(content) < status.st_size and (more := os.read(descriptor, 1 << 20)):
                content += more
            return content, stat.S_IMODE(status.st_mode)
        finally:
            os.close(descriptor)

    def _check_parents(self, path: str) -> None:
        parent = path.rpartition("/")[0]
        if parent and parent not in self._directories:
            with suppress(FileNotFoundError):
                if not stat.S_ISDIR(os.lstat(self.path / parent).st_mode):
                    raise self._in_the_way(parent)
            self._directories.add(parent)

    def _in_the_way(self, path: str) -> StateError:
        return StateError(
            f"{self.path / path} is in the way: meshc writes ordinary files and follows no links",
            hint="move it away, or build into another directory with -o",
        )

    def _keep_edited(self, path: str) -> None:
        """Makes the file's directory; keeps a copy of what somebody else wrote into its place."""
        target = self.path / path
        target.parent.mkdir(exist_ok=True)
        if path == manifest.NAME:
            return
        old, _ = self._current(path)
        known = self.before.files.get(path)
        if old is None or (known and known.sha256 == hashlib.sha256(old).hexdigest()):
            return
        aside = _free(target.with_name(target.name + ".edited"))
        os.rename(target, aside)
        self.kept.append(str(aside.relative_to(self.path)))

    def _remove(self, entry: Entry) -> None:
        old, _ = self._current(entry.path)
        if old is None:
            return
        if hashlib.sha256(old).hexdigest() != entry.sha256:
            self.kept.append(entry.path)
            return
        target = self.path / entry.path
        target.unlink()
        if target.parent != self.path:
            with suppress(OSError):  # not empty: something of the user's lies there
                target.parent.rmdir()

    def _read_manifest(self) -> Manifest:
        nothing = Manifest(self.topology, self.network, {})
        self._directories = set()
        content, _ = self._current(manifest.NAME) if self.path.is_dir() else (None, 0)
        if content is None:
            return nothing
        found = manifest.parse(content.decode("utf-8", "replace"))
        if (found.topology, found.network) != (self.topology, self.network):
            raise StateError(
                f"{self.path} holds the build of {found.topology} (network {found.network!r}), "
                f"not of {self.topology} (network {self.network!r})",
                hint="build into another directory with -o, or delete the old build",
            )
        return found


def _free(path: Path) -> Path:
    number, candidate = 1, path
    while os.path.lexists(candidate):
        number += 1
        candidate = path.with_name(f"{path.name}-{number}")
    return candidate
