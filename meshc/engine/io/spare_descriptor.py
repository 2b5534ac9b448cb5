"""A spare descriptor: who connects when there is no other is turned away, not kept waiting.

A listening socket stays readable until somebody is accepted. Without a descriptor for that the
loop would turn for nothing, or end.
"""

from __future__ import annotations

import errno
import logging
import os
import socket

log = logging.getLogger(__name__)

_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class SpareDescriptor:
    """Holds a descriptor back for `accept`; `refused` counts who was turned away."""

    def __init__(self) -> None:
        self._fd = _open()
        self.refused = 0

    def accept(self, listener: socket.socket) -> socket.socket | None:
        """The next client, not blocking; None if none waits or there is no room for it."""
        try:
            client, _ = listener.accept()
        except (BlockingIOError, ConnectionAbortedError, InterruptedError):
            return None
        except OSError as error:
            if error.errno not in _EXHAUSTED:
                log.error("a connection was not accepted: %s", error.strerror)
                return None
            self._turn_away(listener, error)
            return None
        client.setblocking(False)
        return client

    def close(self) -> None:
        """Give the spare back."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _turn_away(self, listener: socket.socket, error: OSError) -> None:
        if not self.refused:
            log.error("connections are turned away: %s", error.strerror)
        self.refused += 1
        self.close()
        try:
            client, _ = listener.accept()
            client.close()
        except OSError as again:
            log.debug("nobody could be turned away: %s", again.strerror)
        self._fd = _open()


def _open() -> int:
    try:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return -1
