"""`keys/` beside the topology file: one private key per node, and the secret of the network.

What it promises:

- the directory is 0700 with a `.gitignore` of its own, every key file 0600;
- a key appears whole or not at all, and an existing key is never written over: a new file is
  made under a temporary name and linked to its own, which fails when somebody was faster;
- nothing is read or written through a symbolic link, and no name leads out of the directory;
- a replaced key moves to `keys/retired/`, where no build reads it.

A key file holds what `wg genkey` prints, so `wg set wg0 private-key keys/NODE.key` works; sealed,
it holds the same for those who can open it, and belongs into git.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterable, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from meshc.errors import KeyFormatError, StateError
from meshc.keys import NetworkSecret, PresharedKey, PrivateKey
from meshc.keystore.file_publishing import publish
from meshc.keystore.secret_sealing import CLEAR, Sealing
from meshc.keystore.store import StoredKey

if TYPE_CHECKING:
    from collections.abc import Iterator

SUFFIX = ".key"
PRESHARED = ".psk"
SECRET = "network.secret"
AGE = ".age"
RETIRED = "retired"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,200}")
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_LIMIT = 1 << 18  # a sealed one has a stanza a recipient


class KeyFiles:
    """The keys of one network in one directory."""

    def __init__(self, directory: Path, network: str, sealing: Sealing = CLEAR) -> None:
        self.directory = directory
        self.network = network
        self.sealing = sealing

    def read(self, names: Iterable[str]) -> dict[str, StoredKey]:
        """The keys that exist among `names`.

        Raises: StateError for a file that is not a key of ours: a link, somebody else's, torn.
        """
        with self._open(create=False) as directory:
            if directory is None:
                return {}
            found = ((name, self._read_key(directory, name)) for name in names)
            return {name: stored for name, stored in found if stored is not None}

    def names(self) -> list[str]:
        """The nodes that have a key here, sorted."""
        with self._open(create=False) as directory:
            entries = [] if directory is None else os.listdir(directory)
        end = SUFFIX + self.sealing.suffix
        names = (entry.removesuffix(end) for entry in entries if entry.endswith(end))
        return sorted(name for name in names if _NAME.fullmatch(name))

    def create(self, keys: Mapping[str, PrivateKey]) -> dict[str, PrivateKey]:
        """Stores new keys; where one exists already it stays, and is what is returned.

        Raises: StateError, OSError. Then some of the keys may be stored: they are as good
        as any later.
        """
        files = {self._file(name): self._line(key.reveal()) for name, key in keys.items()}
        with self._open(create=True) as directory:
            assert directory is not None
            made = publish(directory, files)
            result = {}
            for name, key in keys.items():
                if self._file(name) in made:
                    result[name] = key
                    continue
                stored = self._read_key(directory, name)
                if stored is None:
                    raise StateError(f"the key of {name} vanished while it was read")
                result[name] = stored.key
            return result

    def secret(self) -> NetworkSecret | None:
        """The network secret, None when there is none yet.

        Raises: StateError when the file belongs to another network or is damaged.
        """
        with self._open(create=False) as directory:
            return None if directory is None else self._read_secret(directory)

    def create_secret(self, secret: NetworkSecret) -> NetworkSecret:
        """Stores the network secret; where one exists it stays, and is what is returned.

        Raises: StateError, OSError.
        """
        text = f"# secret of the network {self.network}\n{secret.reveal()}\n"
        with self._open(create=True) as directory:
            assert directory is not None
            publish(directory, {self._secret: self.sealing.seal(text.encode())})
            found = self._read_secret(directory)
            assert found is not None
            return found

    def read_preshared(self, names: Iterable[str]) -> dict[str, PresharedKey]:
        """The given pre-shared keys that exist among `names`.

        Raises: StateError for a file that is not a key of ours: a link, somebody else's, torn.
        """
        with self._open(create=False) as directory:
            if directory is None:
                return {}
            found = ((name, self._read_preshared(directory, name)) for name in names)
            return {name: key for name, key in found if key is not None}

    def create_preshared(self, keys: Mapping[str, PresharedKey]) -> dict[str, PresharedKey]:
        """Stores given pre-shared keys; where one exists it stays, and is what is returned.

        Raises: StateError, OSError.
        """
        files = {
            self._file(name, PRESHARED): self._line(key.reveal()) for name, key in keys.items()
        }
        with self._open(create=True) as directory:
            assert directory is not None
            publish(directory, files)
        return self.read_preshared(keys)

    def retire(self, name: str) -> Path | None:
        """Moves the key of `name` aside; None when there was none. Raises: StateError, OSError."""
        source = self._file(name)
        with self._open(create=True) as directory:
            assert directory is not None
            if self._read_key(directory, name) is None:
                return None
            with suppress(FileExistsError):
                os.mkdir(RETIRED, 0o700, dir_fd=directory)
            aside = os.open(RETIRED, _DIRECTORY, dir_fd=directory)
            try:
                stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
                target = _free_name(aside, f"{name}.{stamp}", SUFFIX + self.sealing.suffix)
                os.rename(source, target, src_dir_fd=directory, dst_dir_fd=aside)
                os.fsync(directory)
            finally:
                os.close(aside)
            return self.directory / RETIRED / target

    def holdings(self, name: str) -> list[Path]:
        """What `destroy` would delete."""
        with self._open(create=False) as directory:
            return [] if directory is None else _held(directory, self.directory, name)

    def destroy(self, name: str) -> list[Path]:
        """Deletes the key of `name` and its retired ones; the paths that are gone."""
        with self._open(create=False) as directory:
            if directory is None:
                return []
            gone = _held(directory, self.directory, name)
            for path in gone:
                os.unlink(path.relative_to(self.directory), dir_fd=directory)
            os.fsync(directory)
        return gone

    def path(self, name: str) -> Path:
        """Where the key of `name` lies. Raises: StateError for a name that is no file name."""
        return self.directory / self._file(name)

    @contextmanager
    def _open(self, *, create: bool) -> Iterator[int | None]:
        """A descriptor of the directory, which every access goes through."""
        if create and not os.path.lexists(self.directory):
            with suppress(FileExistsError):
                os.mkdir(self.directory, 0o700)
        try:
            directory = os.open(self.directory, _DIRECTORY)
        except FileNotFoundError:
            yield None
            return
        except OSError as error:
            raise StateError(
                f"{self.directory} is not a directory that keys can lie in: {error.strerror}",
                hint="a symbolic link is not followed; move the directory itself there",
            ) from error
        try:
            self._check_directory(directory)
            if create:
                publish(directory, self.sealing.beside, mode=0o644)
            yield directory
        finally:
            os.close(directory)

    def _check_directory(self, directory: int) -> None:
        status = os.fstat(directory)
        if status.st_uid not in (os.geteuid(), 0) or status.st_mode & 0o022:
            raise StateError(
                f"others can put files into {self.directory}",
                hint=f"chmod 700 {self.directory}, and see that it belongs to you",
            )

    def _read_key(self, directory: int, name: str) -> StoredKey | None:
        read = self._read(directory, self._file(name))
        if read is None:
            return None
        text, status = read
        path = self.directory / self._file(name)
        try:
            key = PrivateKey.parse(text)
        except KeyFormatError as error:
            raise StateError(
                f"{path} does not hold a private key: {error}",
                hint="put the key back from a copy, or run: meshc keys rotate FILE " + name,
            ) from None
        shared = not self.sealing.hidden and bool(status.st_mode & 0o077)
        return StoredKey(name, key, path, status.st_mtime, shared)

    def _read_preshared(self, directory: int, name: str) -> PresharedKey | None:
        read = self._read(directory, self._file(name, PRESHARED))
        if read is None:
            return None
        try:
            return PresharedKey.parse(read[0].strip())
        except KeyFormatError as error:
            path = self.directory / self._file(name, PRESHARED)
            raise StateError(
                f"{path} does not hold a pre-shared key: {error}",
                hint="put it back from a copy, or from the file of the other end",
            ) from None

    def _read_secret(self, directory: int) -> NetworkSecret | None:
        read = self._read(directory, self._secret)
        if read is None:
            return None
        path = self.directory / self._secret
        comment, _, text = read[0].strip().rpartition("\n")
        owner = comment.removeprefix("# secret of the network ").strip()
        if comment and owner != self.network:
            raise StateError(
                f"{self.directory} holds the keys of the network {owner!r}, not of "
                f"{self.network!r}",
                hint="two networks need a directory each; after renaming a network, change its "
                f"name in the first line of {path} too",
            )
        try:
            return NetworkSecret.parse(text)
        except KeyFormatError as error:
            raise StateError(f"{path} is damaged: {error}", hint="restore it from a copy") from None

    def _read(self, directory: int, file: str) -> tuple[str, os.stat_result] | None:
        path = self.directory / file
        try:
            descriptor = os.open(file, _READ, dir_fd=directory)
        except FileNotFoundError:
            self._not_in_other_form(directory, file)
            return None
        except OSError as error:
            raise StateError(
                f"{path} cannot be read: {error.strerror}",
                hint="a key must be an ordinary file, not a link",
            ) from error
        try:
            status = os.fstat(descriptor)
            data = os.read(descriptor, _LIMIT + 1) if stat.S_ISREG(status.st_mode) else b""
        finally:
            os.close(descriptor)
        if not stat.S_ISREG(status.st_mode) or len(data) > _LIMIT:
            raise StateError(f"{path} is not a key file", hint="a key must be an ordinary file")
        if status.st_uid not in (os.geteuid(), 0) or status.st_mode & 0o022:
            raise StateError(
                f"{path} can be changed by others", hint=f"chmod 600 {path}, then rotate the key"
            )
        return self.sealing.open(data, path).decode("ascii", "replace"), status

    def _not_in_other_form(self, directory: int, file: str) -> None:
        """A secret that is there in the other form is not missing: nothing may be made in its
        place."""
        sealed = bool(self.sealing.suffix)
        other = file.removesuffix(AGE) if sealed else file + AGE
        if other in os.listdir(directory):
            verb, what = ("encrypt", "in the clear") if sealed else ("decrypt", "encrypted")
            raise StateError(
                f"{self.directory / other} is {what}, and `keys.store` says otherwise",
                hint=f"meshc keys {verb} FILE brings keys/ in line, also where it was cut short",
            )

    def _file(self, name: str, suffix: str = SUFFIX) -> str:
        return _file(name, suffix + self.sealing.suffix)

    @property
    def _secret(self) -> str:
        return SECRET + self.sealing.suffix

    def _line(self, text: str) -> bytes:
        return self.sealing.seal(text.encode("ascii") + b"\n")


def _file(name: str, suffix: str = SUFFIX) -> str:
    if not _NAME.fullmatch(name):
        raise StateError(f"{name[:60]!r} cannot be the name of a key file")
    return name + suffix


def _held(directory: int, path: Path, name: str) -> list[Path]:
    """The key of `name` and its retired ones in the open `directory`, which lies at `path`."""
    retired = re.compile(re.escape(name) + r"\.\d{8}T\d{6}Z(-\d+)?\.key(\.age)?")
    present = set(os.listdir(directory))
    held = [path / file for file in (_file(name), _file(name) + AGE) if file in present]
    with suppress(FileNotFoundError):
        aside = os.open(RETIRED, _DIRECTORY, dir_fd=directory)
        try:
            found = sorted(filter(retired.fullmatch, os.listdir(aside)))
        finally:
            os.close(aside)
        held += [path / RETIRED / entry for entry in found]
    return held


def _free_name(directory: int, stem: str, end: str) -> str:
    taken = set(os.listdir(directory))
    number = 0
    while (name := f"{stem}-{number}{end}" if number else f"{stem}{end}") in taken:
        number += 1
    return name
