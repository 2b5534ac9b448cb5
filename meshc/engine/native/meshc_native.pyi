"""The compiled data path of meshc's engine; see meshc.engine.proto.datapath.contract."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

CONTRACT: int

class SealingKey:
    counter: int
    @property
    def remote_index(self) -> int: ...
    def __new__(cls, key: bytes, remote_index: int) -> SealingKey: ...
    def seal(self, packet: bytes | bytearray | memoryview, mtu: int) -> bytes: ...

class OpeningKey:
    def __new__(cls, key: bytes, bad: Any, replayed: Any) -> OpeningKey: ...
    def open(self, datagram: bytes | bytearray | memoryview) -> Any: ...

class Delivery:
    malformed: int
    foreign: int
    def __iter__(self) -> Iterator[list[bytes | bytearray | memoryview]]: ...
    def __next__(self) -> list[bytes | bytearray | memoryview]: ...

def split_seal(
    key: SealingKey,
    packet: bytes | bytearray | memoryview,
    gso: tuple[int, ...],
    mtu: int,
    out: bytearray,
    at: int,
    first: int,
) -> tuple[int, int, int]: ...
def seal_run(
    key: SealingKey,
    buf: bytearray,
    offset: int,
    stride: int,
    length: int,
    count: int,
    mtu: int,
    csum: tuple[int, int] | None,
    out: bytearray,
    at: int,
) -> int: ...
def open_run(
    key: OpeningKey,
    buf: bytearray,
    offset: int,
    stride: int,
    size: int,
    number: int,
    rows: bytearray,
    row: int,
    row_stride: int,
) -> tuple[int, int, bytes | None]: ...
def deliver(
    rows: bytearray,
    stride: int,
    blocks: Sequence[tuple[int, int, int]],
    dead: bytes,
    lookup: Callable[[bytes], object],
    owner: object,
    udp: bool | None,
) -> Delivery: ...

class OutLane:
    allowed: int
    def __new__(
        cls,
        key: Any,
        socket: int,
        name: bytes,
        source: tuple[int, int, bytes] | None,
    ) -> OutLane: ...
    def add(self, destination: bytes) -> None: ...
    def take_octets(self) -> tuple[int, float]: ...

class InLane:
    def __new__(
        cls,
        key: Any,
        index: int,
        name: bytes,
        control: bytes,
        is_owner: Callable[[bytes], bool],
    ) -> InLane: ...
    def take_counts(self) -> tuple[int, float, float, int, int, int, int]: ...

def transmit(
    tun: int,
    vnet: bool,
    mtu: int,
    room: int,
    slots: memoryview,
    out: bytearray,
    budget: int,
    lanes: Sequence[OutLane],
) -> tuple[int, bool, int, int, tuple[int, int, int, int, int] | None]: ...
def admit(
    buf: bytearray,
    slot: int,
    headers: memoryview,
    names: memoryview,
    controls: memoryview,
    count: int,
    tun: int,
    udp: bool | None,
    lanes: Sequence[InLane],
) -> tuple[list[bool], list[int]]: ...
def serve(
    epoll: int,
    until: float,
    hold: float,
    busy: bool,
    device: tuple[int, bool, bool | None],
    limits: tuple[int, int, int],
    slots: memoryview,
    out: bytearray,
    inbox: tuple[bytearray, int],
    places: tuple[memoryview, memoryview, memoryview],
    sockets: Sequence[int],
    out_lanes: Sequence[OutLane],
    in_lanes: Sequence[InLane],
) -> tuple[
    tuple[list[tuple[int, int]], bool],
    tuple[int, int, tuple[int, int, int, int, int] | None],
    tuple[int, list[bool], int, list[int]],
]: ...
