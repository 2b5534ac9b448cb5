"""A lane is taken only as long as nothing about its session has changed."""

from __future__ import annotations

import contextlib
import importlib
import socket
import struct
from collections.abc import Callable, Iterator
from math import inf
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshc.engine.io.clock import monotonic
from meshc.engine.io.mmsg import SLOT, Receiver
from meshc.engine.proto.constants import REJECT_AFTER_MESSAGES, REJECT_AFTER_TIME
from meshc.engine.proto.datapath.contract import SealingKey
from meshc.engine.proto.drop_reason import DropReason
from meshc.engine.proto.offload import VNET_HDR_SIZE, VirtioNetHdr
from meshc.engine.proto.udp_path import UdpPath
from meshc.prefixes import Prefix
from tests.support.hostile_datagrams import datagrams, one_by_one
from tests.support.loopback_engines import ADDRESS, LoopbackEngines, established
from tests.support.packets import slow_split, udp
from tests.support.sessions import keypairs

meshc_native = pytest.importorskip("meshc_native", reason="needs meshc-native: ./dev native")
lanes_module = importlib.import_module("meshc.engine.io.lanes")

pytestmark = pytest.mark.usefixtures("compiled_road")


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[LoopbackEngines]:
    """The first engine has a lane out and one in."""
    pair = LoopbackEngines(tmp_path, vnet=True)
    established(pair)
    for _ in range(3):
        for me in (0, 1):
            packet = udp(b"x", source=ADDRESS[me], destination=ADDRESS[1 - me])
            pair.tuns[me].inject(packet)
            pair.until(lambda end=1 - me: bool(pair.tuns[end].delivered()), "a packet")  # type: ignore[misc]
    yield pair
    pair.close()


def lanes(pair: LoopbackEngines, now: float) -> tuple[int, int]:
    """How many lanes hold, out and in."""
    pump = pair.engines[0]._pump
    return len(pump._out.ready(now)), len(pump._in.ready(now))  # type: ignore[attr-defined]


def roam(pair: LoopbackEngines) -> None:
    (peer,) = pair.engines[0].device.sessions.peers.values()
    peer.endpoint = UdpPath("127.0.0.1", 9)


def give_away(pair: LoopbackEngines) -> None:
    device = pair.engines[0].device
    (peer,) = device.sessions.peers.values()
    device.allowed_ips.remove(Prefix.parse(f"{ADDRESS[1]}/32"), peer)


def use_up(pair: LoopbackEngines) -> None:
    (peer,) = pair.engines[0].device.sessions.peers.values()
    assert peer.keypairs.current is not None
    peer.keypairs.current.sealing.counter = REJECT_AFTER_MESSAGES - 10


def stage(pair: LoopbackEngines) -> None:
    (peer,) = pair.engines[0].device.sessions.peers.values()
    peer.stage([b"waits"])


def zero(pair: LoopbackEngines) -> None:
    device = pair.engines[0].device
    (peer,) = device.sessions.peers.values()
    device.sessions.zero(peer)


def reroute(pair: LoopbackEngines) -> None:
    pair.engines[0]._bind.forget_paths()


def send_one_by_one(pair: LoopbackEngines) -> None:
    bind = pair.engines[0]._bind
    bind._plain["127.0.0.1"] = (100, inf)


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (roam, (0, 1)),
        (give_away, (0, 0)),
        (use_up, (0, 1)),
        (stage, (0, 1)),
        (zero, (0, 0)),
        (reroute, (0, 1)),
        (send_one_by_one, (0, 1)),
    ],
)
def test_a_lane_ends_with_what_it_was_made_for(
    pair: LoopbackEngines, change: Callable[[LoopbackEngines], None], left: tuple[int, int]
) -> None:
    now = monotonic()
    assert lanes(pair, now) == (1, 1)

    change(pair)

    assert lanes(pair, now) == left


def test_a_key_that_was_zeroed_is_held_by_no_lane(pair: LoopbackEngines) -> None:
    pump = pair.engines[0]._pump
    assert pump._out._lanes  # type: ignore[attr-defined]
    assert pump._in._lanes  # type: ignore[attr-defined]
    zero(pair)

    pump.drain()

    assert not pump._out._lanes  # type: ignore[attr-defined]
    assert not pump._in._lanes  # type: ignore[attr-defined]


def test_a_session_that_is_too_old_has_none(pair: LoopbackEngines) -> None:
    assert lanes(pair, monotonic() + REJECT_AFTER_TIME) == (0, 0)


def test_what_would_bring_news_is_not_for_the_loop(pair: LoopbackEngines) -> None:
    """That the peer has moved, or that it has the keys: the session wants to hear of it at once."""
    (peer,) = pair.engines[0].device.sessions.peers.values()
    incoming, now = pair.engines[0]._pump._in, monotonic()  # type: ignore[attr-defined]
    assert len(incoming.steady(now)) == 1

    keypairs, before = peer.keypairs, peer.keypairs.current
    keypairs.current, keypairs.next = None, before
    assert (len(incoming.ready(now)), incoming.steady(now)) == (1, [])
    keypairs.current, keypairs.next = before, None
    assert len(incoming.steady(now)) == 1

    roam(pair)
    assert (len(incoming.ready(now)), incoming.steady(now)) == (1, [])


def test_the_loop_ends_when_a_key_does(pair: LoopbackEngines) -> None:
    (peer,) = pair.engines[0].device.sessions.peers.values()
    assert peer.keypairs.current is not None
    pump, now = pair.engines[0]._pump, monotonic()
    out, incoming = pump._out.ready(now), pump._in.steady(now)  # type: ignore[attr-defined]

    end = lanes_module.expiry(out, incoming)

    assert end == peer.keypairs.current.birthday + REJECT_AFTER_TIME
    assert lanes(pair, end) == (0, 0)


def test_many_destinations_of_a_peer_share_a_lane_and_too_many_begin_anew(
    pair: LoopbackEngines,
) -> None:
    device = pair.engines[0].device
    (peer,) = device.sessions.peers.values()
    device.allowed_ips.insert(Prefix.parse("10.0.9.0/24"), peer)
    out, now = pair.engines[0]._pump._out, monotonic()  # type: ignore[attr-defined]

    for number in range(40):
        out.learn(memoryview(udp(b"x", destination=f"10.0.9.{number}")), now)

    (known,) = out.ready(now)
    assert 0 < len(known.destinations) <= 16
    assert bytes((10, 0, 9, 39)) in known.destinations


@settings(max_examples=60)
@given(data=st.data(), gro=st.sampled_from([None, False, True]))
def test_messages_come_to_the_same_as_one_by_one(data: st.DataObject, gro: bool | None) -> None:
    """Of a lane, or left: everything is delivered, counted or handed back, in any mixture."""
    ours, theirs = keypairs()
    _, oracle = keypairs()
    receiver = Receiver()
    name, stranger = bytes([2, 0, *range(26)]), bytes([2, 0, 9, *range(25)])
    lane = meshc_native.InLane(
        theirs.opening, theirs.local_index, name, b"", lambda source: source == b"\n\0\0\1"
    )
    expected: list[bytes] = []
    left, counts, seen = [], dict.fromkeys(DropReason, 0), list[bytes]()
    messages = data.draw(st.integers(1, 6))
    for slot in range(messages):
        run = alike(data, ours.sealing, seen)
        first = run[0]
        seen += run
        whole, who = b"".join(run), data.draw(st.sampled_from([name, name, name, stranger]))
        place(receiver, slot, whole, len(first) if len(run) > 1 else 0, who)
        index = theirs.local_index.to_bytes(4, "little")
        left.append(who != name or any(datagram[4:8] != index for datagram in run))
        if not left[-1]:
            expected += one_by_one(oracle.opening, run, counts)

    found_left, errors, found = admitted(receiver, lane, messages, gro)
    assert (found_left, errors) == (left, [])
    assert sorted(map(normal, found)) == sorted(map(normal, expected))
    assert lane.take_counts()[3:] == tuple(
        counts[reason]
        for reason in (
            DropReason.BAD_AEAD,
            DropReason.REPLAYED,
            DropReason.INNER_MALFORMED,
            DropReason.INNER_SOURCE,
        )
    )


def admitted(
    receiver: Receiver, lane: meshc_native.InLane, messages: int, gro: bool | None
) -> tuple[list[bool], list[int], list[bytes]]:
    """Which messages were left, the errors of writing, and the packets that came out."""
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    found: list[bytes] = []
    with near, far:
        near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
        far.setblocking(False)
        left, errors = meshc_native.admit(
            receiver.arena.buffer, SLOT, *receiver.places, messages, near.fileno(), gro, [lane]
        )
        with contextlib.suppress(BlockingIOError):
            while True:
                found += taken_apart(far.recv(1 << 17), gro)
    return left, errors, found


def alike(data: st.DataObject, key: SealingKey, seen: list[bytes]) -> list[bytes]:
    """Datagrams of one length, new ones and some that have come before."""
    run = [data.draw(datagrams(key))]
    for _ in range(data.draw(st.integers(0, 6))):
        again = bool(seen) and data.draw(st.booleans())
        more = data.draw(st.sampled_from(seen) if again else datagrams(key))
        if len(more) == len(run[0]):
            run.append(more)
    return run


def taken_apart(written: bytes, gro: bool | None) -> list[bytes]:
    """The packets in what was written to the device."""
    if gro is None:
        return [written]
    header, packet = VirtioNetHdr.parse(written), written[VNET_HDR_SIZE:]
    return slow_split(packet, header) if header.gso_type else [packet]


def place(receiver: Receiver, slot: int, data: bytes, segment: int, name: bytes) -> None:
    """As recvmmsg would leave a message."""
    _, names, controls = receiver.places
    receiver.arena.view[slot * SLOT : slot * SLOT + len(data)] = data
    receiver.lengths[slot] = len(data)
    names[slot * 28 : slot * 28 + 28] = name
    control = struct.pack("@Niii4x", 20, 17, 104, segment) if segment else b""
    controls[slot * 96 : slot * 96 + len(control)] = control
    receiver._control_lengths[slot] = len(control)


def normal(packet: bytes) -> bytes:
    """Without IPv4 id and header checksum: segments share an id."""
    return packet[:4] + bytes(2) + packet[6:10] + bytes(2) + packet[12:]
