"""The build directory: new files wait in a staging place until all of them are known to be good.

Nothing that is there is touched before `commit`. A file whose content is the same keeps its
time. Files of nodes that are gone are deleted, but only when the old manifest says that meshc
wrote them and nobody has changed them since.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from meshc.build.reader import read_manifest
from meshc.errors import StateError
from meshc.files import write_all
from meshc.render import manifest
from meshc.render.artifact import Artifact
from meshc.render.manifest import Manifest, ManifestEntry

IGNORE = ".gitignore"
_MARK = b"# Written by meshc: private keys.\n"
_LIMIT = 1 << 30
_DEAD = 3600  # seconds
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Staged(NamedTuple):
    """One file of the new build. `existed`: something is in its place now; `same`: with this very
    content; `edited`: it is not what the build before wrote; `remode`: only its mode is wrong;
    `untold`: a build that was cut short put it there, and told nobody."""

    entry: ManifestEntry
    existed: bool
    same: bool
    edited: bool
    remode: bool
    untold: bool = False


class BuildDirectory:
    """One build into `path`. `kept` lists files that others had changed: those of nodes that are
    gone stay, those in the way of a new one are set aside.

    Staged files lie under their later names in a directory beside `path` when that does not exist
    yet, so that a first build appears at once and whole; else in one inside it.
    """

    def __init__(self, path: Path, *, topology: str, network: str) -> None:
        self.path = path
        self.topology = topology
        self.network = network
        self.kept: list[str] = []
        self.fresh = not os.path.lexists(path)
        self._own = self.fresh or (path.is_dir() and not os.listdir(path))
        self._root = str(path)
        self._staging = ""
        self._entries: dict[str, ManifestEntry] = {}
        self._waiting: list[tuple[str, bool]] = []
        self._modes: list[tuple[str, int]] = []
        self._checked: set[str] = set()
        self._made: set[str] = set()
        self._manifest: bytes | None = None
        self._umask = os.umask(0o077)
        os.umask(self._umask)
        self.before = self._read_manifest()

    @contextmanager
    def staging(self) -> Iterator[None]:
        """Whatever is staged inside disappears again unless it was committed."""
        try:
            yield
        finally:
            if self._staging and os.path.lexists(self._staging):
                _remove_tree(self._staging)

    def stage(self, artifact: Artifact, *, write: bool = True) -> Staged:
        """Takes one file of the new build; without `write` it is only compared.

        Raises: StateError, OSError.
        """
        path, content = artifact.path, artifact.content.reveal()
        entry = ManifestEntry(
            path,
            artifact.node,
            artifact.mode,
            len(content),
            hashlib.sha256(content).hexdigest(),
            artifact.secret,
            artifact.purpose,
        )
        old, mode = (None, 0) if self.fresh else self._current(path)
        same = old == content
        if write and not same:
            self._write(path, content, artifact.mode)
        staged = Staged(
            entry,
            existed=old is not None,
            same=same,
            edited=not same and old is not None and not self._is_known(path, old),
            remode=same and mode != artifact.mode,
            untold=same and not self._is_recorded(entry),
        )
        self._entries[path] = entry
        if not same:
            self._waiting.append((path, staged.edited))
        elif staged.remode:
            self._modes.append((path, entry.mode))
        return staged

    def read_old(self, path: str) -> bytes | None:
        """What is in the place of a file now. Raises: StateError."""
        return None if self.fresh else self._current(path)[0]

    def place(self, staged: Staged) -> str:
        """Where a staged file lies now."""
        root = self._root if staged.same else self._staging
        return f"{root}/{staged.entry.path}"

    def stale(self) -> list[ManifestEntry]:
        """Files of the build before that the new one does not have."""
        return [e for path, e in sorted(self.before.files.items()) if path not in self._entries]

    def seal(self) -> None:
        """Makes the manifest: everything is staged."""
        text = manifest.render(self.topology, self.network, self._entries.values())
        self._manifest = text.encode()

    def commit(self) -> None:
        """Puts the staged files into place, removes stale ones, writes the manifest last.

        Raises: OSError, StateError.
        """
        if self._manifest is None:
            self.seal()
        text = self._manifest
        assert text is not None
        if self.fresh:
            self._write(manifest.NAME, text, 0o644)
            os.rename(self._staging, self._root)
            return
        self._keep_out_of_git()
        for path, edited in self._waiting:
            self._place(path, edited=edited)
        for path, mode in self._modes:
            os.chmod(self.path / path, mode)
        for entry in self.stale():
            self._remove(entry)
        if self._current(manifest.NAME)[0] != text:
            self._write(manifest.NAME, text, 0o644)
            self._place(manifest.NAME, edited=False)

    def _write(self, path: str, content: bytes, mode: int) -> None:
        if not self._staging:
            self._make_staging()
        parent = path.rpartition("/")[0]
        if parent and parent not in self._made:
            os.makedirs(f"{self._staging}/{parent}", exist_ok=True)
            self._made.add(parent)
        descriptor = os.open(f"{self._staging}/{path}", _CREATE, mode)
        try:
            if mode & self._umask:
                os.fchmod(descriptor, mode)
            write_all(descriptor, content)
        finally:
            os.close(descriptor)

    def _make_staging(self) -> None:
        token = os.urandom(8).hex()
        if self.fresh:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _forget_leftovers(self.path.parent, f".{self.path.name}.new-")
            self._staging = str(self.path.with_name(f".{self.path.name}.new-{token}"))
            os.mkdir(self._staging)
        else:
            _forget_leftovers(self.path, ".new-")
            self._staging = f"{self._root}/.new-{token}"
            os.mkdir(self._staging, 0o700)
        # before the first private key: a run that is killed leaves nothing for git to take
        self._write(IGNORE, b"*\n", 0o644)

    def _keep_out_of_git(self) -> None:
        """The files with private keys, where there is no .gitignore of somebody else's: all that is
        in a directory of our own, and else by their names."""
        old, _ = self._current(IGNORE)
        if self._own:
            text = b"*\n"
        elif old is None or old.startswith(_MARK):
            secret = (f"/{path}*\n" for path, one in sorted(self._entries.items()) if one.secret)
            text = _MARK + b"/.new-*/\n" + "".join(secret).encode()
        else:
            return
        if old != text:
            os.unlink(f"{self._staging_place()}/{IGNORE}")
            self._write(IGNORE, text, 0o644)
            self._place(IGNORE, edited=False)

    def _staging_place(self) -> str:
        if not self._staging:
            self._make_staging()
        return self._staging

    def _current(self, path: str) -> tuple[bytes | None, int]:
        """Content and mode of what is in the place of a file now."""
        self._check_parents(path)
        try:
            descriptor = os.open(f"{self._root}/{path}", _READ)
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
        if parent and parent not in self._checked:
            self._check_parents(parent)
            with suppress(FileNotFoundError):
                if not stat.S_ISDIR(os.lstat(self.path / parent).st_mode):
                    raise self._in_the_way(parent)
            self._checked.add(parent)

    def _in_the_way(self, path: str) -> StateError:
        return StateError(
            f"{self.path / path} is in the way: meshc writes ordinary files and follows no links",
            hint="move it away, or build into another directory with -o",
        )

    def _is_recorded(self, entry: ManifestEntry) -> bool:
        """Whether the last build that was completed wrote this very content."""
        known = self.before.files.get(entry.path)
        return known is not None and known.sha256 == entry.sha256

    def _is_known(self, path: str, content: bytes) -> bool:
        """Whether this is what the build before wrote there."""
        known = self.before.files.get(path)
        return known is not None and known.sha256 == hashlib.sha256(content).hexdigest()

    def _place(self, path: str, *, edited: bool) -> None:
        """Moves a staged file to its name; what somebody else wrote there is set aside."""
        target = f"{self._root}/{path}"
        if edited:
            aside = _free(Path(target + ".edited"))
            os.rename(target, aside)
            os.chmod(aside, 0o600)  # somebody's key may be in it, whatever its mode was
            self.kept.append(str(aside.relative_to(self.path)))
        try:
            os.rename(f"{self._staging}/{path}", target)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.rename(f"{self._staging}/{path}", target)

    def _remove(self, entry: ManifestEntry) -> None:
        old, _ = self._current(entry.path)
        if old is None:
            return
        if hashlib.sha256(old).hexdigest() != entry.sha256:
            self.kept.append(entry.path)
            return
        target = self.path / entry.path
        target.unlink()
        with suppress(OSError):  # not empty: something of the user's lies there
            while (target := target.parent) != self.path:
                target.rmdir()

    def _read_manifest(self) -> Manifest:
        nothing = Manifest(self.topology, self.network, {})
        if self.fresh:
            return nothing
        if not self.path.is_dir():
            raise StateError(f"{self.path} is not a directory", hint="choose another one with -o")
        found = read_manifest(self.path)
        if found is None:
            return nothing
        if (found.topology, found.network) != (self.topology, self.network):
            raise StateError(
                f"{self.path} holds the build of {found.topology} (network {found.network!r}), "
                f"not of {self.topology} (network {self.network!r})",
                hint="build into another directory with -o, or delete the old build",
            )
        return found


def _forget_leftovers(directory: Path, prefix: str) -> None:
    """Removes the staging directories of runs that were killed, once they are surely dead."""
    for entry in os.scandir(directory):
        token = entry.name.removeprefix(prefix)
        if (
            entry.name.startswith(prefix)
            and re.fullmatch("[0-9a-f]{16}", token)
            and entry.is_dir(follow_symlinks=False)
            and time.time() - entry.stat(follow_symlinks=False).st_mtime > _DEAD
        ):
            _remove_tree(entry.path)


def _remove_tree(path: str) -> None:
    """What cannot be removed stays."""
    import shutil  # with all that it knows of archives, and a build that succeeds needs none of it

    shutil.rmtree(path, ignore_errors=True)


def _free(path: Path) -> Path:
    number, candidate = 1, path
    while os.path.lexists(candidate):
        number += 1
        candidate = path.with_name(f"{path.name}-{number}")
    return candidate
