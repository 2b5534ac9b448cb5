"""Lies: a node that widens its own file and sends what it likes, and who looks on at the exit.

Each lie is a UDP packet with a port of its own, so that it is known again behind a masquerade.
It is written to the tunnel itself, past this node's routes and rules: who holds the machine has
taken them away.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from meshc.engine.proto.offload import checksum, complete_checksum, pseudo_header_sum
from meshc.keys import PublicKey
from meshc.lab.probe.leaks import ETH_P_ALL, IPV4, IPV6, PACKET_OUTGOING, UDP, parse_frame
from meshc.lab.world.jobs import Job
from meshc.prefixes import Prefix
from meshc.wg.device_values import DeviceUpdate, PeerUpdate

FIRST_PORT = 47_000
START, ROUNDS, PAUSE = 1.0, 5, 0.3
LIE, HOPS = b"lie", 64


@dataclass(frozen=True, slots=True)
class FalsePacket:
    """From an address that may be somebody else's, to where it may not go."""

    source: str
    target: str
    port: int

    @property
    def text(self) -> str:
        return f"{self.source} → {self.target}"


@dataclass(frozen=True, slots=True)
class TellLies(Job[tuple[str, ...]]):
    """Widens AllowedIPs of the peer with this public key on `interface`, sends each packet a few
    times and puts them back. The answer is what could not be sent."""

    interface: str
    peer: str
    packets: tuple[FalsePacket, ...]

    def run(self) -> tuple[str, ...]:
        failed: dict[str, None] = {}
        with self._widened():
            time.sleep(START)
            for _ in range(ROUNDS):
                for packet in self.packets:
                    try:
                        _send(self.interface, packet)
                    except OSError as error:
                        failed[f"{packet.text}: {error.strerror}"] = None
                time.sleep(PAUSE)
        return tuple(failed)

    @contextmanager
    def _widened(self) -> Iterator[None]:
        from meshc.node.backends import of_running

        engine, key = of_running(self.interface), PublicKey.parse(self.peer)
        targets = tuple(dict.fromkeys(Prefix.host(packet.target) for packet in self.packets))
        before = engine.read(self.interface).peers
        # whole lists: not every engine can take a single address away again
        back = tuple(
            PeerUpdate(peer.public_key, allowed_ips=peer.allowed_ips, replace_allowed_ips=True)
            for peer in before
        )
        engine.write(self.interface, DeviceUpdate(peers=(PeerUpdate(key, allowed_ips=targets),)))
        try:
            yield
        finally:
            engine.write(self.interface, DeviceUpdate(peers=back))


@dataclass(frozen=True, slots=True)
class LieFindings:
    """Which packets left, and how many of them came out of the tunnel at all."""

    left: tuple[FalsePacket, ...]
    heard: int


@dataclass(frozen=True, slots=True)
class WatchLies(Job[LieFindings]):
    """Looks on for `seconds`: which of the packets leave this node by another interface than its
    tunnel."""

    interface: str
    packets: tuple[FalsePacket, ...]
    seconds: float = START + ROUNDS * PAUSE + 2.0

    def run(self) -> LieFindings:
        wanted = {(packet.target, packet.port): packet for packet in self.packets}
        left_here: dict[FalsePacket, None] = {}
        heard: set[FalsePacket] = set()
        end = time.monotonic() + self.seconds
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as tap:
            while (left := end - time.monotonic()) > 0:
                tap.settimeout(left)
                try:
                    data, (interface, protocol, kind, *_) = tap.recvfrom(256)
                except TimeoutError:
                    break
                inside = interface == self.interface
                # a tunnel has no Ethernet
                frame = parse_frame(
                    bytes(12) + struct.pack("!H", protocol) + data if inside else data
                )
                packet = wanted.get((frame.target, frame.target_port))
                if packet is None or frame.protocol != UDP:
                    continue
                if inside and kind != PACKET_OUTGOING:
                    heard.add(packet)
                elif not inside and kind == PACKET_OUTGOING and interface != "lo":
                    left_here[packet] = None
        return LieFindings(tuple(left_here), len(heard))


def _send(interface: str, packet: FalsePacket) -> None:
    kind = IPV6 if ":" in packet.source else IPV4
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM) as sock:
        sock.sendto(datagram(packet), (interface, kind))


def datagram(packet: FalsePacket) -> bytes:
    """The packet as it enters the tunnel (RFC 768, RFC 791, RFC 8200). Its checksums are right: an
    exit that drops it must do so for what it says."""
    family = socket.AF_INET6 if ":" in packet.source else socket.AF_INET
    ends = socket.inet_pton(family, packet.source) + socket.inet_pton(family, packet.target)
    size = 8 + len(LIE)
    if family == socket.AF_INET:
        head = struct.pack("!BBHIBBH", 0x45, 0, 20 + size, 0, HOPS, UDP, 0) + ends
        head = head[:10] + struct.pack("!H", checksum(head) ^ 0xFFFF) + head[12:]
    else:
        head = struct.pack("!IHBB", 6 << 28, size, UDP, HOPS) + ends
    pseudo = pseudo_header_sum(head, UDP, size)
    whole = bytearray(head + struct.pack("!4H", packet.port, packet.port, size, pseudo) + LIE)
    complete_checksum(whole, len(head), 6)
    return bytes(whole)
