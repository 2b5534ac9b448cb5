"""The compiled data path: `meshc_native`, in Rust, behind the contract.

It is a distribution of its own (meshc/engine/native) and may be absent: `load` then says so.
"""

from __future__ import annotations

from collections.abc import Sequence

from meshc.engine.proto.allowedips import AllowedIPs
from meshc.engine.proto.datapath.arena import Arena
from meshc.engine.proto.datapath.contract import (
    Block,
    Delivery,
    Opened,
    OpeningKey,
    Owner,
    PartialChecksum,
    SealingKey,
    Split,
)
from meshc.engine.proto.datapath.segment import Segmentation
from meshc.engine.proto.drop_reason import DropReason

try:
    import meshc_native
except ImportError:
    AVAILABLE = False
else:
    AVAILABLE = meshc_native.CONTRACT == 1
    """Whether it is there, and is the one that this module was written for."""

_OVERHEAD = 32


def sealing_key(key: bytes, remote_index: int) -> SealingKey:
    """A key that only the compiled functions take; it never comes back to Python."""
    return meshc_native.SealingKey(key, remote_index)


def opening_key(key: bytes) -> OpeningKey:
    """A key that only the compiled functions take; it never comes back to Python."""
    return meshc_native.OpeningKey(key, DropReason.BAD_AEAD, DropReason.REPLAYED)


class CompiledDataPath:
    """`DataPath` in Rust; the interpreter lock is released meanwhile."""

    def split_seal(
        self,
        key: meshc_native.SealingKey,
        packet: memoryview,
        gso: Segmentation,
        mtu: int,
        out: Arena,
        at: int,
        first: int,
    ) -> Split:
        return Split._make(
            meshc_native.split_seal(key, packet, gso[:4], mtu, out.buffer, at, first)
        )

    def seal_run(
        self,
        key: meshc_native.SealingKey,
        buf: Arena,
        offset: int,
        stride: int,
        length: int,
        count: int,
        mtu: int,
        csum: PartialChecksum | None,
        out: Arena,
        at: int,
    ) -> int:
        return meshc_native.seal_run(
            key, buf.buffer, offset, stride, length, count, mtu, csum, out.buffer, at
        )

    def open_run(
        self,
        key: meshc_native.OpeningKey,
        buf: Arena,
        offset: int,
        stride: int,
        size: int,
        number: int,
        rows: Arena,
        row: int,
        row_stride: int,
    ) -> Opened:
        bad, replayed, dead = meshc_native.open_run(
            key, buf.buffer, offset, stride, size, number, rows.buffer, row, row_stride
        )
        accepted = number - bad - replayed
        data = accepted if size > _OVERHEAD else 0
        return Opened(accepted, data, bad, replayed, int.from_bytes(dead or b"", "little"))

    def deliver(
        self,
        rows: Arena,
        stride: int,
        blocks: Sequence[Block],
        dead: int,
        routes: AllowedIPs[Owner],
        owner: Owner,
        udp: bool | None,
        out: Arena,
    ) -> Delivery:
        mask = dead.to_bytes((dead.bit_length() + 7) // 8, "little")
        delivery = meshc_native.deliver(
            rows.buffer, stride, blocks, mask, routes.senders(owner), owner, udp
        )
        return Delivery(delivery, delivery.malformed, delivery.foreign)
