"""The feed of figures, from the engine to the process that shows them, a few peers at a time.

A question is the number of the first peer wanted, an answer the figures of the device and of
`PAGE` peers from there on, so that the data path never waits longer than those take.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
from collections.abc import Callable
from typing import NamedTuple

from meshc.engine.proto.device_status import DeviceStatus, PeerCounters

PAGE = 256

_QUESTION = struct.Struct("=I")
_PEER = struct.Struct("=32sQQqI")
_PATIENCE = 5.0
# a page and its head, with room to spare
_MOST = 1 << 16


class Figures(NamedTuple):
    """What is shown of an engine; `errors` counts those of its loop by kind."""

    interface: str
    status: DeviceStatus
    errors: dict[str, int]


Asked = Callable[[int], Figures]
"""Number of the first peer -> figures with at most `PAGE` peers."""


def pair() -> tuple[socket.socket, socket.socket]:
    """The two ends; the engine's does not block."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    theirs.settimeout(_PATIENCE)
    return ours, theirs


def answer(sock: socket.socket, asked: Asked) -> bool:
    """Answer the question that waits; False when the other process has ended."""
    try:
        question = sock.recv(_QUESTION.size)
        if len(question) != _QUESTION.size:
            return False
        sock.send(_pack(asked(*_QUESTION.unpack(question))))
    except BlockingIOError:
        return True
    except OSError:
        return False
    return True


def ask(sock: socket.socket) -> Figures:
    """All figures, page by page. Raises OSError, EOFError when the engine has ended."""
    _forget_late_answers(sock)
    peers: dict[bytes, PeerCounters] = {}
    start = 0
    while True:
        sock.send(_QUESTION.pack(start))
        data = sock.recv(_MOST)
        if not data:
            raise EOFError
        figures = _unpack(data)
        # one that was removed meanwhile moves those behind it to the front
        peers.update((peer.public_key, peer) for peer in figures.status.peers)
        start += len(figures.status.peers)
        if len(figures.status.peers) < PAGE:
            return figures._replace(status=figures.status._replace(peers=tuple(peers.values())))


def _forget_late_answers(sock: socket.socket) -> None:
    """They were for somebody who gave up."""
    patience = sock.gettimeout()
    sock.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while sock.recv(_MOST):
            pass
    sock.settimeout(patience)


def _pack(figures: Figures) -> bytes:
    interface, status, errors = figures
    head = json.dumps([interface, status.total, status.under_load, dict(status.drops), errors])
    encoded = head.encode()
    records = b"".join(_PEER.pack(*peer) for peer in status.peers)
    return _QUESTION.pack(len(encoded)) + encoded + records


def _unpack(data: bytes) -> Figures:
    (size,) = _QUESTION.unpack_from(data)
    start = _QUESTION.size + size
    interface, total, under_load, drops, errors = json.loads(data[_QUESTION.size : start])
    peers = tuple(PeerCounters(*fields) for fields in _PEER.iter_unpack(data[start:]))
    return Figures(interface, DeviceStatus(peers, total, under_load, drops), errors)
