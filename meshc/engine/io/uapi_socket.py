"""The control socket that `wg` talks to: `/var/run/wireguard/INTERFACE.sock`.

https://www.wireguard.com/xplatform/: a request is `get=1` or `set=1` and lines, ended by an
empty line; so is the reply, whose last line is `errno=`. A client may ask more than once.
"""

from __future__ import annotations

import ctypes
import errno
import logging
import os
import socket
from collections.abc import Callable

from meshc.engine.io.spare_descriptor import SpareDescriptor

log = logging.getLogger(__name__)

DIRECTORY = "/var/run/wireguard"

_MAX_REQUEST = 64 << 20
_MAX_CLIENTS = 64
_IN_DELETE_SELF, _IN_ATTRIB = 0x400, 0x4
_IN_NONBLOCK = os.O_NONBLOCK | os.O_CLOEXEC

Handler = Callable[[str, str], tuple[str, int]]
"""(operation "get" or "set", body) -> (reply body, errno)."""


class SocketInUse(OSError):
    """Another program answers at the socket's path."""


class UapiListener:
    """The listening socket; it is 0600 and removed on `close`."""

    def __init__(self, sock: socket.socket, path: str) -> None:
        self._sock = sock
        self._sock.setblocking(False)
        self.path = path
        self._spare = SpareDescriptor()
        self._stat = os.stat(path) if path else None
        self.watch = _watch(path) if path else -1

    @classmethod
    def create(cls, interface: str, directory: str = DIRECTORY) -> UapiListener:
        """Listen for `interface`; a socket that nobody answers is replaced.

        Raises SocketInUse, OSError.
        """
        os.makedirs(directory, mode=0o755, exist_ok=True)
        path = f"{directory}/{interface}.sock"
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            try:
                sock.bind(path)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                _remove_stale(path)
                sock.bind(path)
            sock.listen()
        except OSError:
            sock.close()
            raise
        finally:
            os.umask(before)
        return cls(sock, path)

    @classmethod
    def adopt(cls, fd: int) -> UapiListener:
        """Take over a listening socket that somebody else made (`WG_UAPI_FD`)."""
        sock = socket.socket(fileno=fd)
        path = sock.getsockname()
        return cls(sock, path if isinstance(path, str) and os.path.exists(path) else "")

    def fileno(self) -> int:
        """The descriptor to watch."""
        return self._sock.fileno()

    def accept(self) -> socket.socket | None:
        """The next client, if one waits and there is a descriptor for it."""
        return self._spare.accept(self._sock)

    @property
    def refused(self) -> int:
        """How many clients were turned away for want of descriptors."""
        return self._spare.refused

    def removed(self) -> bool:
        """Read the news of `watch`: whether the socket's file is gone, which asks us to end."""
        try:
            os.read(self.watch, 4096)
        except BlockingIOError:
            return False
        return not self._is_ours()

    def close(self) -> None:
        """Stop listening and remove the file, if it is still ours."""
        self._sock.close()
        self._spare.close()
        if self.watch >= 0:
            os.close(self.watch)
        if self.path and self._is_ours():
            os.unlink(self.path)

    def _is_ours(self) -> bool:
        try:
            now = os.stat(self.path)
        except FileNotFoundError:
            return False
        then = self._stat
        return then is not None and (now.st_dev, now.st_ino) == (then.st_dev, then.st_ino)


class UapiClient:
    """One connection: requests in, replies out, whatever the sizes of the reads and writes."""

    def __init__(self, sock: socket.socket, handler: Handler) -> None:
        self.sock = sock
        self._handler = handler
        self._request = bytearray()
        self._reply = bytearray()
        self._ended = False

    @property
    def wants_write(self) -> bool:
        """Whether part of a reply still waits for room in the socket."""
        return bool(self._reply)

    def readable(self) -> bool:
        """Read and answer; False when the connection is to be closed."""
        try:
            data = self.sock.recv(1 << 20)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not data:
            return self._end()
        # Only the new bytes, and one before, can hold the end of a request.
        start = max(0, len(self._request) - 1)
        self._request += data
        while (end := self._request.find(b"\n\n", start)) >= 0:
            text = self._request[:end].decode("utf-8", "replace")
            del self._request[: end + 2]
            start = 0
            self._answer(text)
        if len(self._request) > _MAX_REQUEST:
            log.warning("closed a control connection: the request is too long")
            return False
        return self.writable()

    def writable(self) -> bool:
        """Write what fits; False when the connection is to be closed."""
        while self._reply:
            try:
                sent = self.sock.send(self._reply)
            except BlockingIOError:
                return True
            except OSError:
                return False
            del self._reply[:sent]
        return not self._ended

    def _end(self) -> bool:
        """The client says no more, and may still listen: with whole lines its end is the end of a
        request too, as in wireguard-go."""
        text, self._ended = self._request.decode("utf-8", "replace"), True
        self._request.clear()
        if text.endswith("\n"):
            self._answer(text[:-1])
        return self.writable()

    def _answer(self, text: str) -> None:
        operation, _, body = text.partition("\n")
        if operation in ("get=1", "set=1"):
            reply, code = self._handler(operation[:3], body + "\n" if body else "")
        else:
            reply, code = "", errno.EINVAL
        # Negative, as wireguard-go has it and `wg` expects.
        self._reply += f"{reply}errno={-code}\n\n".encode()


def _remove_stale(path: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except FileNotFoundError:
            return
    raise SocketInUse(errno.EADDRINUSE, f"another program answers at {path}")


def _watch(path: str) -> int:
    """An inotify descriptor that tells when the file is removed, -1 without inotify."""
    libc = ctypes.CDLL(None, use_errno=True)
    watch: int = libc.inotify_init1(_IN_NONBLOCK)
    if watch < 0:
        log.info("no inotify: removing %s will not end the engine", path)
        return -1
    # Removing a bound socket only lowers its link count: that is IN_ATTRIB.
    libc.inotify_add_watch(watch, path.encode(), _IN_DELETE_SELF | _IN_ATTRIB)
    return watch
