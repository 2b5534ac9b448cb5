"""The portable data path: Python, numpy and one AEAD call a datagram."""

from __future__ import annotations

from meshc.engine.proto.datapath.arena import Arena
from meshc.engine.proto.datapath.contract import PartialChecksum, Split
from meshc.engine.proto.datapath.delivery import deliver
from meshc.engine.proto.datapath.opening import open_run
from meshc.engine.proto.datapath.sealing import OVERHEAD, Sealer, finish
from meshc.engine.proto.datapath.segment import Segmentation, Segmenter
from meshc.engine.proto.datapath.session_keys import PortableSealingKey
from meshc.engine.proto.offload import padded_length


class PortableDataPath:
    """`DataPath` without compiled code."""

    def __init__(self) -> None:
        self._segmenter = Segmenter()
        self._sealer = Sealer()

    def split_seal(
        self,
        key: PortableSealingKey,
        packet: memoryview,
        gso: Segmentation,
        mtu: int,
        out: Arena,
        at: int,
        first: int,
    ) -> Split:
        stride, full, tail = self._segmenter.fill(packet, gso, first)
        plain = self._segmenter.arena
        size = last_size = 0
        if full:
            padded = padded_length(gso.header + gso.mss, mtu)
            size = padded + OVERHEAD
            at = self._sealer.seal(key, plain.slots(0, stride, padded, full), full, out, at)
        if tail:
            padded = padded_length(gso.header + tail, mtu)
            last_size = padded + OVERHEAD
            view = plain.view[full * stride : full * stride + padded]
            self._sealer.seal(key, (view,), 1, out, at)
        if not full or size == last_size:
            # the last is as long as the others, or there are no others
            return Split(full + 1, last_size, 0)
        return Split(full, size, last_size)

    def seal_run(
        self,
        key: PortableSealingKey,
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
        views = finish(buf, offset, stride, length, count, mtu, csum)
        return self._sealer.seal(key, views, count, out, at)

    open_run = staticmethod(open_run)
    deliver = staticmethod(deliver)
