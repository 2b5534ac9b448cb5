"""The loop with sockets for descriptors: two engines talk over the loopback without a TUN."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from meshc.engine.io.netlink import LinkState
from meshc.engine.io.runner import Engine
from meshc.engine.io.tun import Tun
from meshc.engine.io.uapi_socket import UapiListener
from meshc.engine.proto.datapath import Buffers
from meshc.engine.proto.gso import Send
from meshc.engine.proto.offload import VNET_HDR_SIZE, VNET_NONE, VirtioNetHdr
from meshc.engine.proto.udp_path import UdpPath
from meshc.keys import PrivateKey
from tests.support.enginenet import wait_for
from tests.support.packets import slow_split, super_packet, tcp, udp

ADDRESS = ("10.0.0.1", "10.0.0.2")


class FakeTun(Tun):
    """A datagram socket in the place of a TUN device; `far` is what the kernel would hold."""

    def __init__(self, *, vnet: bool) -> None:
        near, self.far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        for sock in (near, self.far):
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
        super().__init__(near.detach(), "lo", vnet=vnet, udp_gso=vnet)

    def close(self) -> None:
        self.far.close()
        super().close()

    def inject(self, packet: bytes, header: VirtioNetHdr | None = None) -> None:
        """A packet that the kernel sends into the tunnel."""
        if self.vnet:
            packet = (header or VirtioNetHdr()).pack() + packet
        self.far.send(packet)

    def delivered(self) -> list[bytes]:
        """Packets that came out of the tunnel, super-packets taken apart."""
        packets = []
        while True:
            try:
                data = self.far.recv(1 << 17)
            except BlockingIOError:
                return packets
            if not self.vnet:
                packets.append(data)
                continue
            header, packet = VirtioNetHdr.parse(data), data[VNET_HDR_SIZE:]
            packets += slow_split(packet, header) if header.gso_type else [packet]


class Pair:
    """Two engines that know each other."""

    def __init__(self, directory: Path, *, vnet: bool) -> None:
        self.tuns = [FakeTun(vnet=vnet) for _ in range(2)]
        self.listeners = [UapiListener.create(f"e{i}", str(directory)) for i in range(2)]
        pairs = zip(self.tuns, self.listeners, strict=True)
        self.engines = [Engine(tun, listener) for tun, listener in pairs]
        keys = [PrivateKey.generate() for _ in range(2)]
        for engine in self.engines:
            engine.open()
            engine.device.mtu = 1420
        for me, engine in enumerate(self.engines):
            other = 1 - me
            assert (
                self.ask(
                    me,
                    f"set=1\nprivate_key={keys[me].raw.hex()}\n"
                    f"public_key={keys[other].public_key().raw.hex()}\n"
                    f"endpoint=127.0.0.1:{self.engines[other].device.listen_port}\n"
                    f"allowed_ip={ADDRESS[other]}/32\n\n",
                )
                == "errno=0\n\n"
            )
            assert engine.running

    def turn(self) -> None:
        for engine in self.engines:
            engine.turn(0.01)

    def until(self, condition: Callable[[], bool], what: str) -> None:
        def step() -> bool:
            self.turn()
            return condition()

        wait_for(step, what)

    def ask(self, number: int, request: str) -> str:
        """What the control socket answers."""
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(self.listeners[number].path)
            client.sendall(request.encode())
            client.setblocking(False)
            reply = bytearray()

            def answered() -> bool:
                self.engines[number].turn(0.01)
                try:
                    reply.extend(client.recv(1 << 20))
                except BlockingIOError:
                    return False
                return reply.endswith(b"\n\n")

            wait_for(answered, "an answer")
        self.engines[number].turn(0.01)
        return reply.decode()

    def close(self) -> None:
        for engine in self.engines:
            engine.close()


@pytest.fixture(params=[True, False], ids=["vnet", "plain"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    pair = Pair(tmp_path, vnet=request.param)
    yield pair
    pair.close()


def test_packets_go_both_ways(pair: Pair) -> None:
    there = udp(b"there", source=ADDRESS[0], destination=ADDRESS[1])
    back = udp(b"back", source=ADDRESS[1], destination=ADDRESS[0])
    found: list[bytes] = []

    pair.tuns[0].inject(there)
    pair.until(lambda: bool(found.extend(pair.tuns[1].delivered()) or found), "the packet")
    pair.tuns[1].inject(back)
    pair.until(lambda: bool(found.extend(pair.tuns[0].delivered()) or len(found) > 1), "the answer")

    assert found == [there, back]


def test_a_burst_arrives_whole(pair: Pair) -> None:
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


def test_super_packets_arrive(tmp_path: Path) -> None:
    pair = Pair(tmp_path, vnet=True)
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


def established(pair: Pair) -> None:
    """One packet has come through."""
    pair.tuns[0].inject(udp(b"first"))
    pair.until(lambda: bool(pair.tuns[1].delivered()), "the session")
    for _ in range(3):
        pair.turn()


def test_an_answer_of_the_kernel_leaves_in_the_turn_that_brought_the_question(pair: Pair) -> None:
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


def test_after_a_burst_a_packet_alone_waits_for_no_second_read(pair: Pair) -> None:
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


def test_super_packets_of_one_turn_share_their_sends(tmp_path: Path) -> None:
    pair = Pair(tmp_path, vnet=True)
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


def test_the_control_socket_gets_and_refuses(pair: Pair) -> None:
    text = pair.ask(0, "get=1\n\n")
    assert f"listen_port={pair.engines[0].device.listen_port}\n" in text
    assert text.endswith("errno=0\n\n")

    assert pair.ask(0, "set=1\nlisten_port=99999\n\n") == f"errno=-{errno.EINVAL}\n\n"
    assert pair.ask(0, "set=1\nnonsense\n\n") == f"errno=-{errno.EPROTO}\n\n"
    assert pair.ask(0, "get=1\n\n") == text, "nothing changed"


def test_the_listen_port_moves_and_stays_when_it_cannot(pair: Pair) -> None:
    taken = pair.engines[1].device.listen_port
    before = pair.engines[0].device.listen_port

    assert pair.ask(0, f"set=1\nlisten_port={taken}\n\n") == f"errno=-{errno.EADDRINUSE}\n\n"
    assert pair.engines[0].device.listen_port == before
    assert pair.ask(0, "set=1\nlisten_port=0\n\n") == "errno=0\n\n"
    assert pair.engines[0].device.listen_port not in (0, before, taken)


def test_the_interface_going_down_closes_the_sockets(pair: Pair) -> None:
    engine = pair.engines[0]
    port = engine.device.listen_port

    engine._apply_link(LinkState(up=False, mtu=1400))
    assert engine._bind.descriptors() == []
    assert (engine.device.is_up, engine.device.mtu) == (False, 1400)
    pair.ask(0, f"set=1\nlisten_port={port}\n\n")
    engine._apply_link(LinkState(up=True, mtu=1400))

    assert engine.device.listen_port == port
    assert engine.device.is_up


def test_the_end_of_the_interface_ends_the_loop(pair: Pair) -> None:
    pair.engines[0]._apply_link(LinkState(up=False, mtu=0, gone=True))

    assert not pair.engines[0].running
    assert pair.engines[1].running


def test_removing_the_control_socket_ends_the_loop(pair: Pair) -> None:
    os.unlink(pair.listeners[0].path)

    pair.until(lambda: not pair.engines[0].running, "the end")


@pytest.mark.parametrize("code", [errno.EBADFD, errno.ENODEV])
def test_a_device_that_vanished_ends_the_loop(pair: Pair, code: int) -> None:
    def fail(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    pair.tuns[0].read_into = fail
    pair.tuns[0].inject(b"x")

    pair.until(lambda: not pair.engines[0].running, "the end")


def test_what_the_device_will_not_take_is_counted(pair: Pair) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EINVAL, "no")

    pair.tuns[1].write = refuse
    pair.tuns[0].inject(udp(b"x"))

    pair.until(lambda: pair.engines[1]._pump.write_errors > 0, "the error")
    assert pair.engines[1].running


def test_a_full_socket_holds_up_only_so_long(pair: Pair) -> None:
    engine = pair.engines[0]
    pair.tuns[0].inject(udp(b"x"))
    pair.until(lambda: bool(pair.tuns[1].delivered()), "the session")

    def full(*_: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "full")

    engine._bind.send = full  # type: ignore[method-assign]
    pair.tuns[0].inject(udp(b"y"))

    pair.until(lambda: engine._pump.send_errors == 1, "giving up")
    assert engine.running


def test_the_header_of_a_single_packet_asks_for_nothing(tmp_path: Path) -> None:
    pair = Pair(tmp_path, vnet=True)
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
