"""Small things that the node's part of a deploy stands on: files, programs, clocks, refusals.

Every file of this package runs on the node, in its own Python (3.8 or later), with nothing but
the standard library: `meshc.deploy.connect.sent_program` sends them over the connection. Values of
the topology arrive as data and leave as single arguments, never through a shell.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import hmac
import os
import re
import shutil
import subprocess
import tempfile
import time

from meshc.deploy.machine_facts import DirectoryFacts
from meshc.deploy.protocol import Failure, FailureReason

_SECRET = re.compile(r"(?i)((?:PrivateKey|PresharedKey)\s*=\s*)([A-Za-z0-9+/]{42,44}=*)")


class Refusal(Exception):
    """What stops a request; the node answers `failure` instead."""

    def __init__(
        self, message: str, hint: str = "", reason: FailureReason = FailureReason.FAILED
    ) -> None:
        super().__init__(message)
        self.failure = Failure(message, hint, reason)


def redact(text: str, salt: str) -> str:
    """A wg-quick file with every secret key replaced by a keyed hash of it, which is the same on
    both ends of the connection and tells nothing about the key."""

    def fingerprint(match: re.Match[str]) -> str:
        digest = hmac.new(salt.encode(), match.group(2).encode(), hashlib.sha256).digest()
        return match.group(1) + base64.b64encode(digest).decode()

    return _SECRET.sub(fingerprint, text)


def run(
    argv: list[str], limit: float = 60.0, *, check: bool = True, env: dict[str, str] | None = None
) -> str:
    """Runs a program to its end and returns its output. It writes into files, because a daemon
    that it leaves behind would hold a pipe open for ever."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            code = subprocess.call(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                   timeout=limit, env={**os.environ, **(env or {})})  # fmt: skip
        except FileNotFoundError:
            raise Refusal(f"{argv[0]} is not installed", "install it", FailureReason.TOOL) from None
        except subprocess.TimeoutExpired:
            raise Refusal(f"{' '.join(argv[:2])} did not end in {limit:.0f} s") from None
        out.seek(0)
        err.seek(0)
        if code and check:
            said = redact(err.read().decode("utf-8", "replace"), "").strip().splitlines()
            raise Refusal("{} failed: {}".format(" ".join(argv[:2]), " / ".join(said[-3:])))
        return out.read().decode("utf-8", "replace")


def ok(argv: list[str]) -> bool:
    return subprocess.call(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0


def pings(where: dict[str, str]) -> set[str]:
    """Which of the addresses answer one ping; all are asked at once and waited for a second."""
    if not shutil.which("ping"):
        return set()
    null = subprocess.DEVNULL
    asked = {
        key: subprocess.Popen(["ping", "-n", "-c1", "-W1", address], stdout=null, stderr=null)
        for key, address in where.items()
    }
    return {key for key, process in asked.items() if process.wait() == 0}


def kernel_wireguard() -> bool:
    if os.path.isdir("/sys/module/wireguard"):
        return True
    return bool(shutil.which("modprobe")) and ok(["modprobe", "-n", "wireguard"])


def directory_facts(path: str) -> DirectoryFacts:
    """What is known about the place for new files, also when it does not exist yet."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    found = os.statvfs(path)
    writable = os.access(path, os.W_OK) and not found.f_flag & os.ST_RDONLY
    return DirectoryFacts(path, writable, found.f_bavail * found.f_frsize)


def read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None


def write(path: str, content: bytes, mode: int = 0o600) -> None:
    """Whole or not at all, and on the disk when it returns."""
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
        try:
            os.fchmod(descriptor, mode)
            view = memoryview(content)
            while view:
                view = view[os.write(descriptor, view):]  # fmt: skip
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    sync_directory(os.path.dirname(path))


def sync_directory(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file_system(path: str) -> None:
    """All that was written to where the directory lies is on the disk, and others are not waited
    for."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        import ctypes

        done = ctypes.CDLL(None).syncfs(descriptor) == 0
    except (ImportError, AttributeError, OSError):  # a small Python, another C library
        done = False
    finally:
        os.close(descriptor)
    if not done:
        os.sync()


def from_os(error: OSError) -> Refusal:
    where = error.filename or ""
    room, root = "make room and deploy again", "set deploy.become, or log in as root"
    why = FailureReason
    known = {
        errno.ENOSPC: ("the disk is full: %s", room, why.SPACE),
        errno.EDQUOT: ("the quota is used up: %s", room, why.SPACE),
        errno.EROFS: ("%s is on a read-only file system", "remount it writable", why.READ_ONLY),
        errno.EACCES: ("no right to write %s", root, why.RIGHTS),
        errno.EPERM: ("no right to write %s", root, why.RIGHTS),
    }
    if error.errno in known:
        text, hint, reason = known[error.errno]
        return Refusal(text % where, hint, reason)
    return Refusal(f"{where}: {error.strerror}")


def sha(content: bytes | None) -> str:
    return "" if content is None else hashlib.sha256(content).hexdigest()


def clock() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)  # goes on while the machine sleeps


def boot() -> str:
    return (read("/proc/sys/kernel/random/boot_id") or b"").decode().strip()
