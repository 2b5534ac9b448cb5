"""The data path's contract: four functions over buffers that an implementation can replace.

Each works on runs: equal pieces in one arena, given by offset, stride, size and number. Keys,
handshakes, timers and the choice of peers are not its business, and it does no I/O.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from meshc.engine.proto.allowedips import AllowedIPs
from meshc.engine.proto.datapath.arena import Arena, Buffer, Buffers
from meshc.engine.proto.datapath.segment import Segmentation
from meshc.engine.proto.drop_reason import DropReason

Owner = TypeVar("Owner")


class SealingKey(Protocol):
    """The key of what is sent; `counter` is the next to use."""

    counter: int

    def seal(self, packet: Buffer, mtu: int) -> bytes:
        """An inner packet -> transport data message; an empty packet is a keepalive.

        Pads to 16 bytes, but never beyond `mtu` (0: no limit). The caller has checked that the
        counters do not run out.
        """
        ...


class OpeningKey(Protocol):
    """The key of what is received, with the window of the counters seen."""

    def open(self, datagram: Buffer) -> bytes | DropReason:
        """A transport data message -> plaintext (empty for a keepalive), or why it is refused.

        The datagram has at least 32 bytes and the receiver index of this session.
        """
        ...


# An implementation's functions take the keys of the same implementation.
Sealing = TypeVar("Sealing", contravariant=True)
Opening = TypeVar("Opening", contravariant=True)


class PartialChecksum(NamedTuple):
    """A checksum left to us: summed from `start`, its field `offset` bytes behind that."""

    start: int
    offset: int


class Split(NamedTuple):
    """What a super-packet became: `number` datagrams of `size` bytes, then one of `last_size`
    unless that is 0."""

    number: int
    size: int
    last_size: int


class Opened(NamedTuple):
    """What became of a run: `data` counts accepted messages that carry a packet, bit *i* of
    `dead_mask` is set if datagram *i* was not accepted."""

    accepted: int
    data: int
    bad: int
    replayed: int
    dead_mask: int


class Block(NamedTuple):
    """Rows that were opened together: `number` from `row` on, plaintexts of `padded` bytes."""

    row: int
    number: int
    padded: int


class Delivery(NamedTuple):
    """What to write to the TUN device, and how many inner packets were left out.

    Each of `writes` is valid until the next is asked for.
    """

    writes: Iterator[Buffers]
    malformed: int
    foreign: int


class DataPath(Protocol[Sealing, Opening]):
    """What moves transport data; see `datapath.new`."""

    def split_seal(
        self,
        key: Sealing,
        packet: memoryview,
        gso: Segmentation,
        mtu: int,
        out: Arena,
        at: int,
        first: int,
    ) -> Split:
        """Segment a super-packet, finish its checksums and seal its segments.

        Begins with segment number `first` and does at most `MOST_SEGMENTS`; they must fit into
        `out` from `at` on, and the key's counters must suffice.
        """
        ...

    def seal_run(
        self,
        key: Sealing,
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
        """Seal equal packets, each with its checksum finished if `csum` asks for it and padded.

        The padding overwrites what follows each packet. Returns where in `out` they end.
        """
        ...

    def open_run(
        self,
        key: Opening,
        buf: Arena,
        offset: int,
        stride: int,
        size: int,
        number: int,
        rows: Arena,
        row: int,
        row_stride: int,
    ) -> Opened:
        """Decrypt datagrams of one session into rows from `row` on; check their counters.

        Each datagram has at least 32 bytes. Their receiver indices are overwritten.
        """
        ...

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
        """Inner packets cut to their length, checked and merged into super-packets (GRO).

        Packets whose source `routes` does not give to `owner` are left out (whitepaper section
        2), as are malformed ones. `udp` says whether UDP is merged too; None that nothing is
        and that there are no virtio-net headers. `out` is where super-packets are put together.
        """
        ...


AnyDataPath = DataPath[Any, Any]
