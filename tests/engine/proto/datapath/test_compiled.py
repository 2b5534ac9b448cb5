"""The compiled functions against the portable ones: the same octets and numbers for the same
input, whatever it is."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from meshc.engine.proto.constants import REJECT_AFTER_MESSAGES, REPLAY_WINDOW
from meshc.engine.proto.datapath import Arena, Block, PartialChecksum, compiled
from meshc.engine.proto.datapath.coalesce import MAX_JOINED
from meshc.engine.proto.datapath.portable import PortableDataPath
from meshc.engine.proto.datapath.segment import Segmentation
from meshc.engine.proto.datapath.session_keys import PortableOpeningKey, PortableSealingKey
from meshc.engine.proto.drop_reason import DropReason
from tests.support.opened import ROUTES, OpenedPackets
from tests.support.packets import super_packet, tcp, udp

pytestmark = pytest.mark.skipif(
    not compiled.AVAILABLE, reason="needs meshc-native: ./dev test builds it where cargo is"
)
KEY = bytes(range(32))
STRIDE = 2048
PORTABLE = PortableDataPath()
COMPILED = compiled.CompiledDataPath() if compiled.AVAILABLE else None
V6 = {"source": "fd00::1", "destination": "fd00::2"}


@settings(max_examples=100)
@given(
    payload=st.integers(1, 66_000),
    mss=st.integers(512, 1600) | st.integers(16, 1600) | st.just(9000),
    is_tcp=st.booleans(),
    v6=st.booleans(),
    flags=st.integers(0, 255),
    fragment=st.sampled_from([0x4000, 0]),
    sequence=st.sampled_from([1, 2**32 - 5000]),
    mtu=st.sampled_from([0, 1420, 1412]),
    at=st.sampled_from([0, 1, 4096]),
)
def test_a_super_packet_becomes_the_same_datagrams(
    payload: int,
    mss: int,
    is_tcp: bool,
    v6: bool,
    flags: int,
    fragment: int,
    sequence: int,
    mtu: int,
    at: int,
) -> None:
    body = (bytes(range(251)) * (payload // 251 + 1))[: min(payload, 65_400)]
    fields = V6 if v6 else {"fragment": fragment}
    if is_tcp:
        whole = tcp(body, flags=flags, sequence=sequence, options=b"\1" * 12, **fields)
    else:
        whole = udp(body, **fields)
    packet, vnet = super_packet(whole, mss)
    view = memoryview(packet)
    gso = Segmentation.of(view, vnet)
    assume(gso is not None)
    assert gso is not None
    ours, theirs = PortableSealingKey(KEY, 7), compiled.sealing_key(KEY, 7)
    first = 0
    while first < gso.number:
        expected, found = Arena(400_000), Arena(400_000)
        wanted = PORTABLE.split_seal(ours, view, gso, mtu, expected, at, first)
        assert COMPILED.split_seal(theirs, view, gso, mtu, found, at, first) == wanted
        assert found.buffer == expected.buffer
        assert theirs.counter == ours.counter
        first += wanted.number + (wanted.last_size > 0)


@settings(max_examples=80)
@given(
    count=st.integers(1, 64),
    length=st.integers(20, 1500),
    mtu=st.sampled_from([0, 1420]),
    csum=st.none() | st.tuples(st.integers(0, 90), st.integers(0, 60)),
    skip=st.integers(0, 3),
    at=st.sampled_from([0, 7, 4096]),
    seed=st.integers(1, 250),
)
def test_equal_packets_become_the_same_datagrams(
    count: int,
    length: int,
    mtu: int,
    csum: tuple[int, int] | None,
    skip: int,
    at: int,
    seed: int,
) -> None:
    if csum is not None and sum(csum) + 2 > length:
        csum = None
    asked = None if csum is None else PartialChecksum(*csum)
    octets = bytes(i * seed % 256 for i in range((skip + count) * STRIDE))
    results = []
    for path, key in (
        (PORTABLE, PortableSealingKey(KEY, 7)),
        (COMPILED, compiled.sealing_key(KEY, 7)),
    ):
        buf, out = Arena(len(octets)), Arena(at + 64 * 1600)
        buf.view[:] = octets
        end = path.seal_run(key, buf, skip * STRIDE, STRIDE, length, count, mtu, asked, out, at)
        results.append((end, bytes(out.buffer), key.counter))
    assert results[0] == results[1]


@settings(max_examples=80)
@given(st.data())
def test_messages_are_opened_and_refused_alike(data: st.DataObject) -> None:
    """Replays, leaps, forgeries, the end of the window, all in one run after another."""
    ours, theirs = PortableOpeningKey(KEY), compiled.opening_key(KEY)
    sealing = PortableSealingKey(KEY, 7)
    length = data.draw(st.sampled_from([0, 1, 16, 100, 1420]))
    counters = st.integers(0, 40) | st.sampled_from(
        [REPLAY_WINDOW - 1, REPLAY_WINDOW, REPLAY_WINDOW + 1, 20_000, REJECT_AFTER_MESSAGES - 1]
    )
    for _ in range(data.draw(st.integers(1, 4))):
        run = []
        for counter in data.draw(st.lists(counters, min_size=1, max_size=50)):
            sealing.counter = counter
            message = bytearray(sealing.seal(bytes([counter % 256]) * length, 0))
            if data.draw(st.integers(0, 12)) == 0:
                message[data.draw(st.integers(8, len(message) - 1))] ^= 1
            run.append(bytes(message))
        size, row = len(run[0]), data.draw(st.integers(0, 2))
        results = []
        for path, key in ((PORTABLE, ours), (COMPILED, theirs)):
            buf, rows = Arena(len(run) * size), Arena((row + len(run)) * STRIDE)
            buf.view[:] = b"".join(run)
            opened = path.open_run(key, buf, 0, size, size, len(run), rows, row, STRIDE)
            plain = [
                bytes(rows.view[at * STRIDE : at * STRIDE + size - 32])
                for at in range(row, row + len(run))
                if not opened.dead_mask >> at - row & 1
            ]
            results.append((opened, plain))
        assert results[0] == results[1]


def inner_packets() -> st.SearchStrategy[bytes]:
    """What a peer may put into a message: flows, packets of others, nonsense."""
    sizes = st.sampled_from([1, 59, 60, 60, 60])
    flags = st.sampled_from([0x10, 0x10, 0x10, 0x18, 0x11, 0x02])
    ports = st.integers(1, 3)
    return st.one_of(
        st.builds(
            lambda i, n, f, p: tcp(bytes([i]) * n, sequence=i * 60, flags=f, sport=p),
            st.integers(0, 20),
            sizes,
            flags,
            ports,
        ),
        st.builds(lambda i, n: tcp(bytes([i]) * n, sequence=i * 60, **V6), ports, sizes),
        st.builds(lambda i, n, p: udp(bytes([i]) * n, sport=p), ports, sizes, ports),
        st.builds(lambda n: udp(bytes(n), **V6), sizes),
        st.just(udp(bytes(40), source="10.9.9.9")),
        st.binary(min_size=64, max_size=64),
        st.builds(
            lambda p, at, bit: p[:at] + bytes([p[at] ^ 1 << bit]) + p[at + 1 :],
            st.integers(0, 3).map(lambda i: tcp(bytes([i]) * 60, sequence=i * 60)),
            st.integers(0, 79),
            st.integers(0, 7),
        ),
    )


@settings(max_examples=200)
@given(
    packets=st.lists(inner_packets(), min_size=1, max_size=40),
    dead=st.integers(0, 2**40 - 1).map(lambda n: n & n >> 7 & n >> 11),
    udp_gro=st.sampled_from([None, False, True]),
    split=st.integers(0, 40),
    padding=st.sampled_from([0, 0, 0, 1]),
)
def test_rows_become_the_same_writes(
    packets: list[bytes], dead: int, udp_gro: bool | None, split: int, padding: int
) -> None:
    dead &= (1 << len(packets)) - 1
    parts = sorted({0, min(split, len(packets)), len(packets)})
    blocks = [Block(a, b - a, 144 + 16 * (a > 0)) for a, b in pairwise(parts)]
    results = []
    for path in (PORTABLE, COMPILED):
        rows = Arena(len(packets) * STRIDE)
        for row, packet in enumerate(packets):
            at = row * STRIDE
            rows.view[at : at + 144] = packet.ljust(144, bytes([padding]))
        delivery = path.deliver(
            rows, STRIDE, blocks, dead, ROUTES, OpenedPackets.OWNER, udp_gro, Arena(MAX_JOINED)
        )
        writes = [b"".join(map(bytes, write)) for write in delivery.writes]
        results.append((writes, delivery.malformed, delivery.foreign))
    assert results[0] == results[1]


@pytest.mark.parametrize("shorter", [0, 1, 500])
def test_a_long_flow_is_cut_at_the_same_places(shorter: int) -> None:
    packets = [tcp(bytes([i]) * 1300, sequence=i * 1300) for i in range(99)]
    packets.append(tcp(bytes(1300 - shorter), sequence=99 * 1300))
    results = []
    for path in (PORTABLE, COMPILED):
        rows = Arena(len(packets) * STRIDE)
        for row, packet in enumerate(packets):
            rows.view[row * STRIDE : row * STRIDE + len(packet)] = packet
        block = Block(0, len(packets), 1360)
        delivery = path.deliver(
            rows, STRIDE, [block], 0, ROUTES, OpenedPackets.OWNER, True, Arena(MAX_JOINED)
        )
        results.append([b"".join(map(bytes, write)) for write in delivery.writes])
    assert results[0] == results[1]
    assert len(results[0]) in (2, 3)


def test_a_place_outside_of_its_buffer_is_refused() -> None:
    key, opening = compiled.sealing_key(KEY, 7), compiled.opening_key(KEY)
    small, large = Arena(100), Arena(4096)
    gso = Segmentation(20, 40, 6, 100, 3, 300)
    packet = memoryview(b"\x45" + bytes(339))
    calls = [
        lambda: COMPILED.split_seal(key, packet, gso, 0, small, 0, 0),
        lambda: COMPILED.split_seal(key, packet, gso, 0, large, 5000, 0),
        lambda: COMPILED.split_seal(key, packet, gso, 0, large, 0, 3),
        lambda: COMPILED.split_seal(key, packet[:30], gso, 0, large, 0, 0),
        lambda: COMPILED.seal_run(key, small, 90, 100, 20, 1, 0, None, large, 0),
        lambda: COMPILED.seal_run(key, large, 0, 100, 90, 1, 0, None, small, 0),
        lambda: COMPILED.seal_run(key, large, 0, 100, 90, 1, 0, PartialChecksum(80, 9), large, 0),
        lambda: COMPILED.seal_run(key, large, 0, 100, 90, 1, 0, None, large, 0),
        lambda: COMPILED.open_run(opening, small, 0, 100, 101, 1, large, 0, 2048),
        lambda: COMPILED.open_run(opening, large, 0, 100, 31, 1, small, 0, 2048),
        lambda: COMPILED.open_run(opening, large, 0, 100, 100, 1, small, 2, 68),
        lambda: COMPILED.deliver(small, 2048, [Block(1, 1, 40)], 0, ROUTES, "", True, large),
        lambda: opening.open(bytes(31)),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"outside of its buffer|and apart"):
            call()
    assert key.counter == 0


def test_no_message_is_sealed_beyond_the_last_counter() -> None:
    key = compiled.sealing_key(KEY, 7)
    key.counter = REJECT_AFTER_MESSAGES - 1
    with pytest.raises(ValueError, match="run out"):
        COMPILED.seal_run(key, Arena(4096), 0, 100, 90, 2, 0, None, Arena(4096), 0)
    assert len(key.seal(b"", 0)) == 32
    with pytest.raises(ValueError, match="run out"):
        key.seal(b"", 0)


def test_a_key_neither_shows_itself_nor_is_copied() -> None:
    import copy
    import pickle

    for key in (compiled.sealing_key(KEY, 7), compiled.opening_key(KEY)):
        assert KEY.hex() not in repr(key)
        assert not {name for name in dir(key) if not name.startswith("__")} - {
            "counter",
            "open",
            "remote_index",
            "seal",
        }
        for take in (copy.copy, pickle.dumps):
            with pytest.raises(TypeError):
                take(key)


def test_only_a_key_of_the_right_length_is_one() -> None:
    for length in (0, 31, 33):
        with pytest.raises(ValueError, match="32 octets"):
            compiled.sealing_key(bytes(length), 7)
        with pytest.raises(ValueError, match="32 octets"):
            compiled.opening_key(bytes(length))


def test_one_packet_goes_as_it_does_in_python() -> None:
    ours, theirs = PortableSealingKey(KEY, 7), compiled.sealing_key(KEY, 7)
    opening = compiled.opening_key(KEY)
    for length in (0, 1, 16, 100, 1419, 1430):
        message = ours.seal(bytes([length % 256]) * length, 1420)
        assert theirs.seal(bytes([length % 256]) * length, 1420) == message
        assert opening.open(message[:-1] + bytes([message[-1] ^ 1])) is DropReason.BAD_AEAD
        plain = opening.open(memoryview(message))
        assert isinstance(plain, bytes)
        assert plain[:length] == bytes([length % 256]) * length
        assert opening.open(message) is DropReason.REPLAYED
