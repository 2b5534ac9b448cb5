"""Small promises about files: written whole or not at all, never through a link."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from meshc.errors import StateError


def write_atomic(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Replaces `path` by a complete file with this content; a reader sees the old one or the new.

    Raises: OSError.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    try:
        try:
            os.fchmod(descriptor, mode)
            write_all(descriptor, content)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_all(descriptor: int, content: bytes) -> None:
    """os.write until everything is written."""
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def read_regular(path: Path, *, limit: int = 64 << 20) -> bytes | None:
    """The content of a regular file, None when there is none.

    Raises: StateError for a link, a directory, a device or something larger than `limit`.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise StateError(
                f"{path} is a symbolic link, which is not followed here",
                hint="put the file itself there",
            ) from error
        raise StateError(f"{path} cannot be read: {error.strerror}") from error
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise StateError(f"{path} is a directory", hint="name a file in it")
        if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
            raise StateError(f"{path} is not an ordinary file")
        content = bytearray()
        while piece := os.read(descriptor, 1 << 20):
            content += piece
        return bytes(content)
    finally:
        os.close(descriptor)


def sync_filesystem(descriptor: int) -> None:
    """Makes everything written so far on this file system durable, with one call for any number
    of files (syncfs(2); Python has no name for it)."""
    import ctypes  # nobody else here needs it

    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None or syncfs(descriptor) != 0:
        os.sync()
