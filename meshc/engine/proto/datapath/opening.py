"""Opening runs of transport data messages into rows of inner packets.

A receive brings up to 64 datagrams of one size from one peer, nearly always with consecutive
counters: they are decrypted side by side, and the replay window takes them in one step.
"""

from __future__ import annotations

from collections import deque
from itertools import repeat
from struct import Struct

from cryptography.exceptions import InvalidTag

from meshc.engine.proto.datapath.arena import Arena
from meshc.engine.proto.datapath.contract import Opened
from meshc.engine.proto.datapath.sealing import OVERHEAD
from meshc.engine.proto.datapath.session_keys import PortableOpeningKey
from meshc.engine.proto.replay import ReplayWindow

_FEW = 3
_COUNTER = Struct("<Q")


def same_session(buf: Arena, offset: int, stride: int, number: int) -> int:
    """How many of the datagrams, from the first on, begin with the same eight bytes: type and
    receiver index."""
    if number == 1:
        return 1
    heads = buf.field(offset, stride, "<u8", number)
    differs = heads != heads[0]
    return int(differs.argmax()) or number


def open_run(
    key: PortableOpeningKey,
    buf: Arena,
    offset: int,
    stride: int,
    size: int,
    number: int,
    rows: Arena,
    row: int,
    row_stride: int,
) -> Opened:
    """`DataPath.open_run`: authenticate and decrypt, then check the counters."""
    counters = _read_counters(buf, offset, stride, number)
    bad = _decrypt(key, buf, offset, stride, size, number, rows, row, row_stride)
    dead = bad
    if bad or not _accept(key.window, counters):
        for i, counter in enumerate(counters):
            if not dead >> i & 1 and not key.window.accept(counter):
                dead |= 1 << i
    failed = dead.bit_count()
    accepted, unauthentic = number - failed, bad.bit_count()
    data = accepted if size > OVERHEAD else 0
    return Opened(accepted, data, unauthentic, failed - unauthentic, dead)


def _read_counters(buf: Arena, offset: int, stride: int, number: int) -> list[int]:
    if number == 1:
        return [_COUNTER.unpack_from(buf.buffer, offset + 8)[0]]
    counters: list[int] = buf.field(offset + 8, stride, "<u8", number).tolist()
    return counters


def _accept(window: ReplayWindow, counters: list[int]) -> bool:
    """Accept consecutive counters in one step, if they are that and all are new."""
    first, count = counters[0], len(counters)
    if count < 2 or counters[-1] - first != count - 1:
        return False
    return counters == list(range(first, first + count)) and window.accept_run(first, count)


def _decrypt(
    key: PortableOpeningKey,
    buf: Arena,
    offset: int,
    stride: int,
    size: int,
    number: int,
    rows: Arena,
    row: int,
    row_stride: int,
) -> int:
    """Decrypt into rows from `row` on; a mask of the datagrams that are not authentic."""
    padded = size - OVERHEAD
    if number <= _FEW:
        nonces, sealed, opened = [], [], []
        for at in range(offset, offset + number * stride, stride):
            buf.buffer[at + 4 : at + 8] = b"\0\0\0\0"
            nonces.append(buf.view[at + 4 : at + 16])
            sealed.append(buf.view[at + 16 : at + size])
        for at in range(row * row_stride, (row + number) * row_stride, row_stride):
            opened.append(rows.view[at : at + padded])
    else:
        # The nonce is four zero bytes and the counter: with the index gone, the header holds it.
        buf.field(offset + 4, stride, "=u4", number)[:] = 0
        nonces = buf.slots(offset + 4, stride, 12, number)
        sealed = buf.slots(offset + 16, stride, size - 16, number)
        opened = rows.slots(0, row_stride, padded, row + number)
        if row:
            opened = opened[row : row + number]
    try:
        deque(map(key.decrypt_into, nonces, sealed, repeat(None, number), opened), 0)
    except InvalidTag:
        return _find_bad(key, nonces, sealed, opened, number)
    return 0


def _find_bad(
    key: PortableOpeningKey,
    nonces: list[memoryview],
    sealed: list[memoryview],
    opened: list[memoryview],
    number: int,
) -> int:
    """Open one by one, since the whole run was not authentic."""
    bad = 0
    for i in range(number):
        try:
            key.decrypt_into(nonces[i], sealed[i], None, opened[i])
        except InvalidTag:
            bad |= 1 << i
    return bad
