"""The UDP socket of a tunnel without an interface, for both sides of a door."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterable, Iterator

from meshc.engine.proto.udp_path import UdpPath
from meshc.errors import NodeError

_AT_ONCE = 64
_LARGEST = 2048
_MAPPED = "::ffff:"


class DoorSocket:
    """Bound to `port` for both families, or to any free one (0)."""

    def __init__(self, port: int = 0) -> None:
        """Raises: NodeError."""
        try:
            self._socket = self._bound(socket.AF_INET6, port)
        except OSError as error:
            if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                raise NodeError(f"UDP port {port} cannot be taken: {error.strerror}") from None
            self._socket = self._bound(socket.AF_INET, port)

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, runs: Iterable[tuple[UdpPath, list[bytes]]]) -> None:
        """What cannot be sent is lost, as it might be anywhere on its way."""
        for path, datagrams in runs:
            host = path.host
            if self._socket.family == socket.AF_INET6 and path.family == 4:
                host = _MAPPED + host
            for datagram in datagrams:
                with contextlib.suppress(OSError):
                    self._socket.sendto(datagram, (host, path.port))

    def arrived(self) -> Iterator[tuple[bytes, UdpPath]]:
        """What has come in, with where from; not more than a turn's worth."""
        for _ in range(_AT_ONCE):
            try:
                data, address = self._socket.recvfrom(_LARGEST)
            except BlockingIOError:
                return
            except OSError:
                continue  # what an earlier datagram has met
            yield data, UdpPath(str(address[0]).removeprefix(_MAPPED), int(address[1]))

    def close(self) -> None:
        self._socket.close()

    def _bound(self, family: int, port: int) -> socket.socket:
        made = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            if family == socket.AF_INET6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            made.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", port))
            made.setblocking(False)
        except OSError:
            made.close()
            raise
        return made
