"""The compiled pump: what it does with single system calls, and that its lanes are taken."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshc.engine.io.mmsg import SLOT
from meshc.engine.proto.drop_reason import DropReason
from meshc.engine.proto.udp_path import UdpPath
from tests.support.hostile_datagrams import datagrams, one_by_one
from tests.support.loopback_engines import ADDRESS, LoopbackEngines, established
from tests.support.packets import super_packet, tcp, udp
from tests.support.sessions import keypairs

pytest.importorskip("meshc_native", reason="needs meshc-native: ./dev native")
compiled_pump = importlib.import_module("meshc.engine.io.compiled_pump")
loop_ends = importlib.import_module("tests.support.loop_ends")

pytestmark = pytest.mark.usefixtures("compiled_road")


@pytest.fixture(params=[True, False], ids=["vnet", "plain"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LoopbackEngines]:
    pair = LoopbackEngines(tmp_path, vnet=request.param)
    established(pair)
    yield pair
    pair.close()


def send(pair: LoopbackEngines, payload: bytes, sender: int = 0, **fields: Any) -> None:
    source, destination = ADDRESS[sender], ADDRESS[1 - sender]
    pair.tuns[sender].inject(
        udp(payload, **{"source": source, "destination": destination, **fields})
    )


def warm(pair: LoopbackEngines) -> None:
    """Packets have gone both ways: both ends have their lanes."""
    for number in range(4):
        for sender in (0, 1):
            send(pair, bytes([number]) * 50, sender)
            pair.until(lambda end=1 - sender: bool(pair.tuns[end].delivered()), "a packet")  # type: ignore[misc]


def refuse_the_long_way(pair: LoopbackEngines, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("not by a lane")

    for engine in pair.engines:
        monkeypatch.setattr(engine._pump._outbound, "take", refuse)
        monkeypatch.setattr(engine._bind, "sort", refuse)


def test_a_session_in_use_takes_the_lanes(
    pair: LoopbackEngines, monkeypatch: pytest.MonkeyPatch
) -> None:
    warm(pair)
    refuse_the_long_way(pair, monkeypatch)
    peers = [next(iter(engine.device.sessions.peers.values())) for engine in pair.engines]
    before = [(peer.tx_bytes, peer.rx_bytes) for peer in peers]

    found: list[bytes] = []
    for number in range(40):
        send(pair, bytes([number]) * 700)
    pair.until(lambda: bool(found.extend(pair.tuns[1].delivered()) or len(found) >= 40), "all")

    assert sorted(packet[28:] for packet in found) == [bytes([n]) * 700 for n in range(40)]
    sealed = 40 * (736 + 32)
    assert peers[0].tx_bytes - before[0][0] == peers[1].rx_bytes - before[1][1] == sealed


def test_super_packets_of_one_turn_share_their_sends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = LoopbackEngines(tmp_path, vnet=True)
    established(pair)
    warm(pair)
    refuse_the_long_way(pair, monkeypatch)
    packet = tcp(bytes(1368 * 30), source=ADDRESS[0], destination=ADDRESS[1])
    for _ in range(3):
        pair.tuns[0].inject(*super_packet(packet, 1368))

    pair.engines[0].turn(1.0)

    bind = pair.engines[1]._bind
    counts = [bind.fetch(descriptor) for descriptor in bind.descriptors()]
    lengths = [bind._receiver.length(slot) for slot in range(sum(counts))]
    assert sum(lengths) == 90 * 1440
    if len(lengths) < 90:  # where UDP_GRO keeps what was sent in one piece
        assert lengths == [45 * 1440] * 2
    pair.close()


@contextlib.contextmanager
def turns_of_both(pair: LoopbackEngines) -> Iterator[list[int]]:
    """Both engines are in one turn each, until the end; how many have come back from it."""
    over: list[int] = []

    def turn(number: int) -> None:
        pair.engines[number].turn(60.0)
        over.append(number)

    threads = [threading.Thread(target=turn, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    try:
        yield over
    finally:
        # a connection is no data of a lane
        for listener in pair.listeners:
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(listener.path)
        for thread in threads:
            thread.join(60)


def test_as_long_as_there_is_only_data_the_interpreter_is_left_alone(
    pair: LoopbackEngines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pings one by one, each answered: all of them in one turn of either end."""
    warm(pair)
    monkeypatch.setattr(compiled_pump, "_HOLD", 60.0)
    refuse_the_long_way(pair, monkeypatch)
    peers = [next(iter(engine.device.sessions.peers.values())) for engine in pair.engines]
    before = [(peer.tx_bytes, peer.rx_bytes) for peer in peers]
    far = [tun.far for tun in pair.tuns]
    for sock in far:
        sock.settimeout(30)

    with turns_of_both(pair) as over:
        for number in range(50):
            for sender in (0, 1):
                send(pair, bytes([number]) * 60, sender)
                assert far[1 - sender].recv(9000)[-60:] == bytes([number]) * 60
        assert over == []

    sealed = 50 * (96 + 32)
    for peer, (sent, received) in zip(peers, before, strict=True):
        assert (peer.tx_bytes - sent, peer.rx_bytes - received) == (sealed, sealed)


def test_what_the_lanes_did_is_told_within_a_moment_even_if_more_is_coming(
    pair: LoopbackEngines,
) -> None:
    """A turn without a limit comes back while packets flow, and sessions know of them."""
    warm(pair)
    peer = next(iter(pair.engines[0].device.sessions.peers.values()))
    for number in range(3):
        before = peer.tx_bytes
        send(pair, bytes([number]) * 60)

        pair.engines[0].turn()

        assert peer.tx_bytes > before


def test_a_peer_that_has_moved_is_followed_out_of_the_loop(pair: LoopbackEngines) -> None:
    """Its session goes on from another address: no lane is for that, and answers go there."""
    warm(pair)
    here, there = pair.engines
    (peer,) = here.device.sessions.peers.values()
    (other,) = there.device.sessions.peers.values()
    assert other.keypairs.current is not None
    message = other.keypairs.current.sealing.seal(udp(b"hello", source=ADDRESS[1]), 0)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
        elsewhere.bind(("127.0.0.1", 0))
        elsewhere.settimeout(30)
        elsewhere.sendto(message, ("127.0.0.1", here.device.listen_port))
        pair.until(lambda: bool(pair.tuns[0].delivered()), "the packet")
        send(pair, b"answer")
        here.turn(1.0)

        assert elsewhere.recv(9000)[:1] == b"\4"
    assert peer.endpoint is not None
    assert peer.endpoint.port != there.device.listen_port


def test_an_answer_of_the_kernel_leaves_in_the_turn_that_brought_the_question(
    pair: LoopbackEngines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a socket is served by itself."""
    import meshc_native

    warm(pair)
    admit, engine = meshc_native.admit, pair.engines[1]

    def answering(*arguments: Any) -> Any:
        send(pair, b"b", 1)
        return admit(*arguments)

    monkeypatch.setattr(meshc_native, "admit", answering)
    send(pair, b"a")
    pair.engines[0].turn(1.0)
    for descriptor in engine._bind.descriptors():
        engine._pump.on_udp(descriptor)
    pair.engines[0].turn(1.0)

    assert [packet[28:] for packet in pair.tuns[0].delivered()] == [b"b"]


def replace(descriptor: int, path: str, flags: int) -> None:
    """Another file in the place of a descriptor."""
    other = os.open(path, flags)
    os.dup2(other, descriptor)
    os.close(other)


def test_a_device_that_vanished_ends_the_loop(pair: LoopbackEngines) -> None:
    replace(pair.tuns[0].fd, "/dev/null", os.O_WRONLY)

    pair.engines[0]._pump.on_tun()

    assert not pair.engines[0].running


def test_an_error_that_nobody_knows_is_told_and_counted_and_ends_nothing(
    pair: LoopbackEngines, caplog: pytest.LogCaptureFixture
) -> None:
    replace(pair.tuns[0].fd, "/", os.O_RDONLY)

    for _ in range(2):
        pair.engines[0]._pump.on_tun()

    assert pair.engines[0]._pump.errors["tun_read"] == 2
    assert caplog.text.count(f"tun_read: {os.strerror(errno.EISDIR)}") == 1
    assert pair.engines[0].running


def test_what_the_device_will_not_take_is_counted(pair: LoopbackEngines) -> None:
    warm(pair)
    pair.tuns[1].far.close()
    for _ in range(3):
        send(pair, b"x")
    pair.engines[0].turn(1.0)
    engine = pair.engines[1]

    for descriptor in engine._bind.descriptors():
        engine._pump.on_udp(descriptor)

    assert engine._pump.errors["tun_write"] == 3


def test_what_the_kernel_does_not_send_is_counted_and_not_held_for_sent(
    pair: LoopbackEngines,
) -> None:
    """A socket whose descriptor is another's by now: nothing goes out, nothing breaks."""
    warm(pair)
    engine = pair.engines[0]
    (peer,) = engine.device.sessions.peers.values()
    before = peer.tx_bytes
    for descriptor in engine._bind.descriptors():
        replace(descriptor, "/dev/null", os.O_RDWR)

    for number in range(3):
        send(pair, bytes([number]) * 90)
    engine._pump.on_tun()

    assert engine._pump.errors["udp_send"] == 3
    assert peer.tx_bytes == before


def test_forgeries_replays_and_foreign_sources_are_counted(pair: LoopbackEngines) -> None:
    warm(pair)
    device = pair.engines[1].device
    for number in range(3):
        send(pair, bytes([number]) * 90, source="10.9.9.9")
        send(pair, bytes([number]) * 90)
    found: list[bytes] = []
    pair.until(lambda: bool(found.extend(pair.tuns[1].delivered()) or len(found) >= 3), "all")
    assert device.drops[DropReason.INNER_SOURCE] == 3

    (peer,) = pair.engines[0].device.sessions.peers.values()
    assert peer.keypairs.current is not None
    key, port = peer.keypairs.current.sealing, device.listen_port
    first = key.seal(udp(b"once"), 0)
    forged = bytes([*first[:-1], first[-1] ^ 1])
    sock = pair.engines[0]._bind.route(UdpPath("127.0.0.1", port))[0]
    for message in (forged, first, first):
        sock.sendto(message, ("127.0.0.1", port))
    pair.until(lambda: bool(found.extend(pair.tuns[1].delivered()) or len(found) >= 4), "it")
    for _ in range(3):
        pair.turn()

    assert found[3:] == [udp(b"once")]
    assert pair.tuns[1].delivered() == []
    assert device.drops[DropReason.BAD_AEAD] == 1
    assert device.drops[DropReason.REPLAYED] == 1


def test_datagrams_of_two_sessions_in_one_message_are_told_apart(pair: LoopbackEngines) -> None:
    """As GRO may join them: same sender, same length, another receiver index."""
    warm(pair)
    engine = pair.engines[1]
    (peer,) = pair.engines[0].device.sessions.peers.values()
    assert peer.keypairs.current is not None
    key = peer.keypairs.current.sealing
    mine = key.seal(udp(b"mine"), 0)
    other = mine[:4] + bytes(4) + mine[8:]
    bind = engine._bind
    port = engine.device.listen_port
    sock = pair.engines[0]._bind.route(UdpPath("127.0.0.1", port))[0]
    joined = [(17, 103, len(mine).to_bytes(2, "little"))]

    sock.sendmsg([mine + other], joined, 0, ("127.0.0.1", port))
    found: list[bytes] = []
    pair.until(lambda: bool(found.extend(pair.tuns[1].delivered()) or found), "the packet")

    assert found == [udp(b"mine")]
    assert engine.device.drops[DropReason.UNKNOWN_INDEX] == 1
    assert bind.arena.buffer[0] == 4
    assert SLOT > 65_536


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_turn_of_the_loop_comes_to_the_same_as_packets_and_messages_one_by_one(
    data: st.DataObject,
) -> None:
    theirs, ours = keypairs()
    _, oracle = keypairs()
    kinds = st.one_of(datagrams(theirs.sealing), st.binary(max_size=80))
    messages = data.draw(st.lists(st.tuples(kinds, st.booleans()), max_size=20))
    packets = data.draw(st.lists(st.sampled_from(["10.0.0.1"] * 9 + ["10.0.0.7"]), max_size=20))
    inner = [udp(bytes([i]) * 50, destination=address) for i, address in enumerate(packets)]
    index = ours.local_index.to_bytes(4, "little")
    expected, left, counts = list[bytes](), list[bool](), dict.fromkeys(DropReason, 0)
    with contextlib.closing(loop_ends.LoopEnds()) as ends:
        for message, is_friend in messages:
            sender = ends.friend if is_friend else ends.stranger
            sender.sendto(message, ends.udp.getsockname())
            known = message[:4] == b"\4\0\0\0" and message[4:8] == index and len(message) >= 32
            left.append(not (is_friend and known))
            if not left[-1]:
                expected += one_by_one(oracle.opening, [message], counts)
        for packet in inner:
            ends.far.send(packet)
        slots = bytearray(70_000)

        packet_left, messages_left = ends.serve(ours, slots)

        assert messages_left == left
        assert loop_ends.received(ends.far) == expected
        for slot, (message, _) in enumerate(messages):
            if left[slot]:
                assert ends.receiver.length(slot) == len(message)
                assert ends.receiver.arena.view[slot * SLOT : slot * SLOT + len(message)] == message
        cut = next((i for i, address in enumerate(packets) if address == "10.0.0.7"), None)
        assert bytes(slots[:packet_left]) == (b"" if cut is None else inner[cut])
        opened = [theirs.opening.open(message) for message in loop_ends.received(ends.friend)]
        assert [packet[:78] for packet in opened] == inner[:cut]  # type: ignore[index]
