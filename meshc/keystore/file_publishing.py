"""Files of an open directory that appear whole, or take the place of others whole.

All contents are durable before the first name appears: a key is made once, and somebody else may
have its public half already.
"""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Iterable, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from meshc.files import sync_filesystem, write_all

if TYPE_CHECKING:
    from collections.abc import Iterator

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_TEMPORARY = re.compile(r"\.[0-9a-f]{16}-\d+\.tmp")
_DEAD = 3600  # seconds
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


def publish(directory: int, files: Mapping[str, bytes], *, mode: int = 0o600) -> set[str]:
    """Makes those files that do not exist yet; their names. Raises: OSError."""
    present = set(os.listdir(directory))
    missing = {name: files[name] for name in sorted(set(files) - present)}
    _forget_leftovers(directory, present)
    with _written(directory, missing, mode) as waiting:
        made = {name for name, temporary in waiting if _give_name(directory, temporary, name)}
    if made:
        os.fsync(directory)
    return made


def exchange(directory: int, files: Mapping[str, bytes], *, mode: int = 0o600) -> None:
    """Puts the files in the place of whatever has their names. Raises: OSError."""
    _forget_leftovers(directory, os.listdir(directory))
    with _written(directory, files, mode) as waiting:
        for name, temporary in waiting:
            os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    os.fsync(directory)


@contextmanager
def _written(
    directory: int, files: Mapping[str, bytes], mode: int
) -> Iterator[list[tuple[str, str]]]:
    """The names, each with a file that holds its content; what is left of these goes at the end."""
    token = os.urandom(8).hex()
    waiting: list[tuple[str, str]] = []
    try:
        for number, name in enumerate(files):
            temporary = f".{token}-{number}.tmp"
            descriptor = os.open(temporary, _CREATE, mode, dir_fd=directory)
            waiting.append((name, temporary))
            try:
                write_all(descriptor, files[name])
                if len(files) == 1:
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)
        if len(files) > 1:
            sync_filesystem(directory)
        yield waiting
    finally:
        for _, temporary in waiting:
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=directory)


def _give_name(directory: int, temporary: str, name: str) -> bool:
    """Whether the name was free; a file that has it already stays."""
    try:
        os.link(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # a file system without hard links: between the look and the rename, the lock of the
        # workspace is all that keeps another run away
        if name in os.listdir(directory):
            return False
        os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    return True


def _forget_leftovers(directory: int, names: Iterable[str]) -> None:
    """Removes what a run that was killed left behind, once it is surely dead."""
    for name in names:
        if _TEMPORARY.fullmatch(name):
            with suppress(FileNotFoundError):
                age = time.time() - os.stat(name, dir_fd=directory, follow_symlinks=False).st_mtime
                if age > _DEAD:
                    os.unlink(name, dir_fd=directory)
