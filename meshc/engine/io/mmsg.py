"""recvmmsg(2) for Python: many datagrams in one system call, into one arena.

Python's socket module has no recvmmsg. Where UDP_GRO does its work one message holds 64
datagrams and this is as good as recvmsg; where it does not, one call still fetches 64.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
from collections.abc import Sequence
from struct import Struct

import numpy as np
import numpy.typing as npt

from meshc.engine.proto.datapath import Arena

SLOTS = 64
# Not a power of two, so that the heads of small datagrams do not compete for one cache set.
SLOT = 65_536 + 2_112
_NAME = 28
_CONTROL = 96
_ZEROS = bytes(_CONTROL)

# `struct sockaddr` of a sender, and the control messages that came with its datagram
Sender = tuple[bytes, bytes]
Mask = npt.NDArray[np.bool_]

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


_LENGTH = _MMsgHdr.length.offset
_NAME_LENGTH = _MMsgHdr.header.offset + _MsgHdr.name_length.offset
_CONTROL_LENGTH = _MMsgHdr.header.offset + _MsgHdr.control_length.offset
_STEP = ctypes.sizeof(_MMsgHdr)
_HALF, _WORD = Struct("=I"), Struct("@N")


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
        self._used = 0
        self.lengths = _column(self._headers, _LENGTH, ctypes.c_uint32)
        """Octets in every slot."""
        self._name_lengths = _column(self._headers, _NAME_LENGTH, ctypes.c_uint32)
        self._control_lengths = _column(self._headers, _CONTROL_LENGTH, ctypes.c_size_t)
        self._raw = memoryview(self._headers).cast("B")
        self._name_view = memoryview(self._names)
        self._control_view = memoryview(self._controls)
        self.places = self._raw, self._name_view, self._control_view
        """`struct mmsghdr` of all slots, and where names and control messages lie."""
        self._name_words = np.frombuffer(self._names, np.uint32).reshape(SLOTS, -1)
        self._control_words = np.frombuffer(self._controls, np.uint32).reshape(SLOTS, -1)
        self._call = _libc.recvmmsg
        self._call.argtypes = (
            ctypes.c_int,
            ctypes.c_void_p,
            ctypes.c_uint,
            ctypes.c_int,
            ctypes.c_void_p,
        )
        self._at = ctypes.addressof(self._headers)

    def receive(self, fd: int) -> int:
        """Fetch everything that is there, at most `SLOTS` messages; how many lie in the first
        slots until the next call.

        Raises OSError; an empty socket gives 0.
        """
        self._clear()
        count: int = self._call(fd, self._at, SLOTS, socket.MSG_DONTWAIT, None)
        if count < 0:
            error = ctypes.get_errno()
            if error not in (errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR):
                raise OSError(error, os.strerror(error))
            return 0
        self._used = count
        return count

    def filled(self, count: int) -> None:
        """Somebody else has put messages into the first slots, and into `places` what is known of
        them."""
        self._used = max(count, self._used)

    def length(self, slot: int) -> int:
        """Octets in a slot."""
        return _HALF.unpack_from(self._raw, slot * _STEP + _LENGTH)[0]  # type: ignore[no-any-return]

    def sender(self, slot: int) -> Sender:
        """Who sent what is in a slot."""
        name, control = slot * _NAME, slot * _CONTROL
        used = _WORD.unpack_from(self._raw, slot * _STEP + _CONTROL_LENGTH)[0]
        return (
            self._name_view[name : name + _NAME].tobytes(),
            self._control_view[control : control + used].tobytes(),
        )

    def ends(self, first: int, end: int, loose: Mask | Sequence[bool]) -> list[int]:
        """Where runs from slot `first` on end: messages of one length, sender and ancillary data
        next to each other, or messages that `loose` marks, whatever they are."""
        if end - first == 1:
            return [end]
        slots = slice(first, end)
        lengths, used = self.lengths[slots], self._control_lengths[slots]
        # The kernel leaves padding alone: that stays equal since slots are cleared after use.
        words = (int(used[0]) + 3) // 4
        controls, names = self._control_words[slots, :words], self._name_words[slots]
        differs = lengths[1:] != lengths[:-1]
        differs |= used[1:] != used[:-1]
        differs |= (names[1:] != names[:-1]).any(axis=1)
        differs |= (controls[1:] != controls[:-1]).any(axis=1)
        mask: Mask = np.asarray(loose)
        differs &= ~(mask[1:] & mask[:-1])
        differs |= mask[1:] != mask[:-1]
        return [*(np.flatnonzero(differs) + first + 1).tolist(), end]

    def _clear(self) -> None:
        """Make the slots that were used ready for another call."""
        count = self._used
        self._used = 0
        if count == 1:
            # no numpy call, for the sake of latency
            used = _WORD.unpack_from(self._raw, _CONTROL_LENGTH)[0]
            self._control_view[:used] = _ZEROS[:used]
            _WORD.pack_into(self._raw, _CONTROL_LENGTH, _CONTROL)
            _HALF.pack_into(self._raw, _NAME_LENGTH, _NAME)
        elif count:
            self._name_lengths[:count] = _NAME
            self._control_lengths[:count] = _CONTROL
            self._control_words[:count] = 0


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
        (_STEP,),
    )
