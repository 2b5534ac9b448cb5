"""recvmmsg(2) for Python: many datagrams in one system call, into one arena.

Python's socket module has no recvmmsg. Where UDP_GRO does its work one message holds 64
datagrams and this is as good as recvmsg; where it does not, one call still fetches 64.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
from typing import NamedTuple

import numpy as np

from meshc.engine.proto.rows import Arena

SLOTS = 64
# Not a power of two, so that the heads of small datagrams do not compete for one cache set.
SLOT = 65_536 + 2_112
_NAME = 28
_CONTROL = 96

_libc = ctypes.CDLL(None, use_errno=True)


class _IoVec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _MsgHdr(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("vectors", ctypes.c_void_p),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _MMsgHdr(ctypes.Structure):
    _fields_ = (("header", _MsgHdr), ("length", ctypes.c_uint32))


class Message(NamedTuple):
    """`number` received messages of equal length from one sender, in slots next to each other."""

    slot: int
    number: int
    length: int
    name: bytes
    control: bytes


class Receiver:
    """A set of slots in an arena that recvmmsg fills."""

    def __init__(self) -> None:
        self.arena = Arena(SLOTS * SLOT + 65_536)
        self._names = bytearray(SLOTS * _NAME)
        self._controls = bytearray(SLOTS * _CONTROL)
        self._vectors = (_IoVec * SLOTS)()
        self._headers = (_MMsgHdr * SLOTS)()
        base = _address(self.arena.buffer)
        names, controls = _address(self._names), _address(self._controls)
        for i, (vector, message) in enumerate(zip(self._vectors, self._headers, strict=True)):
            vector.base, vector.length = base + i * SLOT, 65_536
            header = message.header
            header.name, header.name_length = names + i * _NAME, _NAME
            header.vectors = ctypes.addressof(vector)
            header.vector_count = 1
            header.control, header.control_length = controls + i * _CONTROL, _CONTROL
        self._lengths = _column(self._headers, _MMsgHdr.length.offset, ctypes.c_uint32)
        start = _MMsgHdr.header.offset
        self._name_lengths = _column(
            self._headers, start + _MsgHdr.name_length.offset, ctypes.c_uint32
        )
        self._control_lengths = _column(
            self._headers, start + _MsgHdr.control_length.offset, ctypes.c_size_t
        )
        self._call = _libc.recvmmsg
        self._call.argtypes = (
            ctypes.c_int,
            ctypes.c_void_p,
            ctypes.c_uint,
            ctypes.c_int,
            ctypes.c_void_p,
        )
        self._at = ctypes.addressof(self._headers)

    def receive(self, fd: int) -> list[Message]:
        """Everything that is there, at most `SLOTS` messages; they stay until the next call.

        Raises OSError; an empty socket gives an empty list.
        """
        count = self._call(fd, self._at, SLOTS, socket.MSG_DONTWAIT, None)
        if count <= 0:
            return _nothing(ctypes.get_errno() if count else 0)
        if count == 1:
            control_length = int(self._control_lengths[0])
            self._name_lengths[0] = _NAME
            self._control_lengths[0] = _CONTROL
            name, control = bytes(self._names[:_NAME]), bytes(self._controls[:control_length])
            return [Message(0, 1, int(self._lengths[0]), name, control)]
        lengths = self._lengths[:count].tolist()
        control_lengths = self._control_lengths[:count].tolist()
        self._name_lengths[:count] = _NAME
        self._control_lengths[:count] = _CONTROL
        names, controls = bytes(self._names), self._controls
        if count > 1 and self._alike(lengths, control_lengths, names):
            control = bytes(controls[: control_lengths[0]])
            return [Message(0, count, lengths[0], names[:_NAME], control)]
        return [
            Message(
                slot,
                1,
                length,
                names[slot * _NAME : slot * _NAME + _NAME],
                bytes(controls[slot * _CONTROL : slot * _CONTROL + control_length]),
            )
            for slot, (length, control_length) in enumerate(
                zip(lengths, control_lengths, strict=True)
            )
        ]

    def _alike(self, lengths: list[int], control_lengths: list[int], names: bytes) -> bool:
        """Whether all messages have one length, one sender and the same ancillary data."""
        count = len(lengths)
        if lengths.count(lengths[0]) != count:
            return False
        used = control_lengths[0]
        if control_lengths.count(used) != count:
            return False
        if names[: count * _NAME] != names[:_NAME] * count:
            return False
        # Every slot starts as zeros and the same control messages are written to each, so
        # that equal contents are equal in the padding, too.
        controls = self._controls[: count * _CONTROL]
        return controls == controls[:_CONTROL] * count


def _nothing(error: int) -> list[Message]:
    if error in (0, errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR):
        return []
    raise OSError(error, os.strerror(error))


def _address(buffer: bytearray) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))


def _column(headers: object, offset: int, kind: type) -> np.ndarray:
    """One field of all headers as a numpy view."""
    size = ctypes.sizeof(kind)
    return np.ndarray(
        (SLOTS,),
        np.dtype(f"u{size}"),
        headers,  # type: ignore[arg-type]
        offset,
        (ctypes.sizeof(_MMsgHdr),),
    )
