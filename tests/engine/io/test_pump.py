"""The pump: two engines talk over the loopback without a TUN."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from meshc.engine.proto.datapath import Buffers
from meshc.engine.proto.drop_reason import DropReason
from meshc.engine.proto.gso import Send
from meshc.engine.proto.offload import VNET_HDR_SIZE, VNET_NONE
from meshc.engine.proto.udp_path import UdpPath
from tests.support.loopback_engines import ADDRESS, LoopbackEngines, established
from tests.support.packets import slow_split, super_packet, tcp, udp

both_roads = pytest.mark.usefixtures("each_road")
# what looks at single system calls, of which the compiled road makes its own: test_compiled_pump.py
portable = pytest.mark.usefixtures("portable_road")


@pytest.fixture(params=[True, False], ids=["vnet", "plain"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LoopbackEngines]:
    pair = LoopbackEngines(tmp_path, vnet=request.param)
    yield pair
    pair.close()


@both_roads
def test_packets_go_both_ways(pair: LoopbackEngines) -> None:
    there = udp(b"there", source=ADDRESS[0], destination=ADDRESS[1])
    back = udp(b"back", source=ADDRESS[1], destination=ADDRESS[0])
    found: list[bytes] = []

    pair.tuns[0].inject(there)
    pair.until(lambda: bool(found.extend(pair.tuns[1].delivered()) or found), "the packet")
    pair.tuns[1].inject(back)
    pair.until(lambda: bool(found.extend(pair.tuns[0].delivered()) or len(found) > 1), "the answer")

    assert found == [there, back]


@both_roads
def test_a_burst_arrives_whole(pair: LoopbackEngines) -> None:
    expected = [udp(bytes([i]) * 1000, sport=i + 1) for i in range(60)]
    found: list[bytes] = []
    pair.tuns[0].inject(expected[0])
    pair.until(lambda: bool(found.extend(pair.tuns[1].delivered()) or found), "the session")

    for packet in expected[1:]:
        pair.tuns[0].inject(packet)
        pair.turn()
    pair.until(
        lambda: bool(found.extend(pair.tuns[1].delivered()) or len(found) >= 60), "the burst"
    )

    assert sorted(found) == sorted(expected)


@both_roads
def test_super_packets_arrive(tmp_path: Path) -> None:
    pair = LoopbackEngines(tmp_path, vnet=True)
    packet, header = super_packet(tcp(bytes(range(256)) * 150), 1360)
    found: list[bytes] = []

    pair.tuns[0].inject(packet, header)
    pair.until(
        lambda: bool(
            found.extend(pair.tuns[1].delivered()) or sum(len(p) - 40 for p in found) >= 38400
        ),
        "the bytes",
    )
    pair.close()

    assert b"".join(part[40:] for part in found) == packet[40:]


@both_roads
@pytest.mark.parametrize(("size", "count"), [(1310, 50), (1023, 64), (65_507, 1)])
def test_the_longest_that_there_are_arrive_whole(tmp_path: Path, size: int, count: int) -> None:
    """UDP_SEGMENT of 1310 octets 50 times is 65,528 with its headers: no octet may be cut off."""
    pair = LoopbackEngines(tmp_path, vnet=True)
    established(pair)
    packet, header = super_packet(udp(os.urandom(size * count)), min(size, 1310))
    sent, found = slow_split(packet, header), list[bytes]()

    pair.tuns[0].inject(packet, header)
    pair.until(
        lambda: bool(found.extend(pair.tuns[1].delivered()) or len(found) >= len(sent)), "all of it"
    )
    pair.close()

    assert found == sent


@both_roads
def test_what_may_have_been_cut_is_not_sent(tmp_path: Path) -> None:
    """A jumbogram is longer than a slot: the rest of it is gone."""
    pair = LoopbackEngines(tmp_path, vnet=True)
    established(pair)
    packet, header = super_packet(udp(bytes(40_000)), 1000)

    pair.tuns[0].inject(packet + bytes(40_000), header)
    pair.until(
        lambda: pair.engines[0].device.drops[DropReason.PACKET_MALFORMED] == 1, "its being dropped"
    )
    for _ in range(3):
        pair.turn()

    assert pair.tuns[1].delivered() == []
    pair.close()


@portable
def test_an_answer_of_the_kernel_leaves_in_the_turn_that_brought_the_question(
    pair: LoopbackEngines,
) -> None:
    established(pair)
    write, answer = pair.tuns[1].write, udp(b"b", source=ADDRESS[1], destination=ADDRESS[0])

    def answering(buffers: Buffers) -> int:
        pair.tuns[1].inject(answer)
        return write(buffers)

    pair.tuns[1].write = answering
    pair.tuns[0].inject(udp(b"a"))
    for engine in (pair.engines[0], pair.engines[1], pair.engines[0]):
        engine.turn(1.0)

    assert pair.tuns[0].delivered() == [answer]


@portable
def test_after_a_burst_a_packet_alone_waits_for_no_second_read(pair: LoopbackEngines) -> None:
    established(pair)
    for _ in range(3):
        pair.tuns[0].inject(udp(b"burst"))
    pair.engines[0].turn(1.0)
    calls: list[str] = []
    read, send = pair.tuns[0].read_into, pair.engines[0]._bind.send

    def reading(buffers: Sequence[memoryview]) -> int:
        calls.append("read")
        return read(buffers)

    def sending(*arguments: Any) -> None:
        calls.append("send")
        send(*arguments)

    pair.tuns[0].read_into = reading
    pair.engines[0]._bind.send = sending  # type: ignore[method-assign]
    for _ in range(2):
        calls.clear()
        pair.tuns[0].inject(udp(b"alone"))
        pair.engines[0].turn(1.0)

    assert calls == ["read", "send", "read"]


@portable
def test_super_packets_of_one_turn_share_their_sends(tmp_path: Path) -> None:
    pair = LoopbackEngines(tmp_path, vnet=True)
    established(pair)
    sends: list[int] = []

    def sending(send: Send, endpoint: UdpPath) -> None:
        sends.append(send.number)

    pair.engines[0]._bind.send = sending  # type: ignore[method-assign]
    for _ in range(3):
        pair.tuns[0].inject(*super_packet(tcp(bytes(1368 * 30)), 1368))
    pair.engines[0].turn(1.0)
    pair.close()

    assert sends == [45, 45], "90 segments"


@portable
@pytest.mark.parametrize("code", [errno.EBADFD, errno.ENODEV])
def test_a_device_that_vanished_ends_the_loop(pair: LoopbackEngines, code: int) -> None:
    def fail(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    pair.tuns[0].read_into = fail
    pair.tuns[0].inject(b"x")

    pair.until(lambda: not pair.engines[0].running, "the end")


@portable
def test_an_error_that_nobody_knows_is_told_and_counted_and_ends_nothing(
    pair: LoopbackEngines, caplog: pytest.LogCaptureFixture
) -> None:
    engine, read = pair.engines[0], pair.tuns[0].read_into

    def fail(*_: object) -> int:
        pair.tuns[0].read_into = read
        raise OSError(errno.ENOTRECOVERABLE, "no idea")

    for number in (1, 2):
        pair.tuns[0].read_into = fail
        pair.tuns[0].inject(udp(b"x"))
        pair.until(lambda n=number: engine._pump.errors["tun_read"] == n, "the error")  # type: ignore[misc]

    assert caplog.text.count("tun_read: no idea") == 1
    pair.until(lambda: bool(pair.tuns[1].delivered()), "the packet")


@portable
def test_what_the_device_will_not_take_is_counted(pair: LoopbackEngines) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EINVAL, "no")

    pair.tuns[1].write = refuse
    pair.tuns[0].inject(udp(b"x"))

    pair.until(lambda: pair.engines[1]._pump.errors["tun_write"] > 0, "the error")
    assert pair.engines[1].running


@portable
def test_a_full_socket_holds_up_only_so_long(pair: LoopbackEngines) -> None:
    engine = pair.engines[0]
    pair.tuns[0].inject(udp(b"x"))
    pair.until(lambda: bool(pair.tuns[1].delivered()), "the session")

    def full(*_: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "full")

    engine._bind.send = full  # type: ignore[method-assign]
    pair.tuns[0].inject(udp(b"y"))

    pair.until(lambda: engine._pump.errors["udp_send"] == 1, "giving up")
    assert engine.running


@both_roads
def test_the_header_of_a_single_packet_asks_for_nothing(tmp_path: Path) -> None:
    pair = LoopbackEngines(tmp_path, vnet=True)
    pair.tuns[0].inject(udp(b"x"))
    raw: list[bytes] = []
    receive = partial(pair.tuns[1].far.recv, 1 << 17)

    def arrived() -> bool:
        try:
            raw.append(receive())
        except BlockingIOError:
            return False
        return True

    pair.until(arrived, "the packet")
    pair.close()

    assert raw[0][:VNET_HDR_SIZE] == VNET_NONE
