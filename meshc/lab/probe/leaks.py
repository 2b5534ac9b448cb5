"""Does an exit user leak? A job that makes traffic of every kind and listens on the uplink.

Whatever leaves the node's own interface must be WireGuard's UDP, or what a link needs to work:
ARP, neighbour discovery, multicast membership. Anything else is a leak, and is named.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from meshc.lab.probe.lookup import Lookup, Resolution, nameservers
from meshc.lab.probe.ping import Ping, PingTarget
from meshc.lab.probe.tcp import Greet, Greeting
from meshc.lab.world.jobs import Job
from meshc.prefixes import Prefix

ETH_P_ALL = 0x0003
PACKET_OUTGOING = 4
ARP, IPV4, IPV6 = 0x0806, 0x0800, 0x86DD
ICMP, IGMP, TCP, UDP, ICMPV6 = 1, 2, 6, 17, 58
HOP_BY_HOP = 0
# Router and neighbour discovery (RFC 4861), multicast listeners (RFC 2710, RFC 3810).
LINK_ICMPV6 = frozenset({130, 131, 132, 133, 134, 135, 136, 137, 143})
NAMES = {ICMP: "ICMP", TCP: "TCP", UDP: "UDP", ICMPV6: "ICMPv6"}


class FrameHeaders(NamedTuple):
    """What an Ethernet frame carries. Ports are 0 where there are none; for ICMPv6 `source_port`
    is the type."""

    kind: int
    protocol: int = 0
    target: str = ""
    source_port: int = 0
    target_port: int = 0


@dataclass(frozen=True, slots=True)
class LeakFindings:
    """`seen` is how the public host at each address greeted, `leaks` a sentence for each."""

    seen: Mapping[str, Greeting]
    lookups: tuple[Resolution, ...]
    leaks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WatchLeaks(Job[LeakFindings]):
    """Makes traffic and reports what left `interface` in the clear.

    `hosts` are addresses of the public host, `port` WireGuard's own UDP port, `name` something to
    ask the resolvers for (those of /etc/resolv.conf and `resolvers`), `seconds` how long to try
    connections; those to `doubtful` hosts are tried for a short time. Prefixes `beside` may leave,
    and pings to the `lans` behind the node.
    """

    interface: str
    hosts: tuple[str, ...]
    port: int
    name: str
    resolvers: tuple[str, ...] = ()
    seconds: float = 4.0
    doubtful: tuple[str, ...] = ()
    doubt: float = 4.0
    beside: tuple[str, ...] = ()
    lans: tuple[str, ...] = ()

    def run(self) -> LeakFindings:
        hopeful = tuple(at for at in self.hosts if at not in self.doubtful)
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as tap:
            tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
            tap.bind((self.interface, ETH_P_ALL))
            tap.setblocking(False)
            seen = dict(zip(hopeful, Greet(hopeful, self.seconds).run(), strict=True))
            few = Greet(self.doubtful, self.doubt).run()
            seen |= zip(self.doubtful, few, strict=True)
            Ping(tuple(PingTarget(at, patient=False) for at in self.hosts), seconds=1.0).run()
            servers = dict.fromkeys([*nameservers(), *self.resolvers])
            lookups = tuple(Lookup(self.name, server, seconds=1.0).run() for server in servers)
            time.sleep(0.1)
            out = _outgoing(tap)
            frames = [one for one in out if is_leak(one, self.port, self.beside, self.lans)]
        leaks = tuple(dict.fromkeys(map(describe, frames)))
        return LeakFindings({at: seen[at] for at in self.hosts}, lookups, leaks)


def is_leak(
    frame: FrameHeaders, port: int, beside: Iterable[str] = (), lans: Iterable[str] = ()
) -> bool:
    """Whether this may not leave a node that sends everything but `beside` through its exit.
    `port` is the UDP port of its WireGuard. Pings to its `lans` may be others', who had them
    waiting for a session with it: it forwards them."""
    if _lies_in(frame.target, beside):
        return False
    if frame.kind == ARP or (frame.kind == IPV4 and frame.protocol == IGMP):
        return False
    if frame.protocol in (ICMP, ICMPV6) and _lies_in(frame.target, lans):
        return False
    if frame.kind == IPV6 and frame.protocol == ICMPV6:
        return frame.source_port not in LINK_ICMPV6
    if frame.kind in (IPV4, IPV6):
        return not (frame.protocol == UDP and frame.source_port == port)
    return False  # not IP: nothing that a router would pass on


def _lies_in(target: str, prefixes: Iterable[str]) -> bool:
    return bool(target) and any(Prefix.parse(p).contains(Prefix.host(target)) for p in prefixes)


def describe(frame: FrameHeaders) -> str:
    """`IPv6 UDP to 2001:db8::1 port 53`."""
    family = "IPv4" if frame.kind == IPV4 else "IPv6"
    name = NAMES.get(frame.protocol, f"protocol {frame.protocol}")
    port = f" port {frame.target_port}" if frame.target_port else ""
    dns = " (DNS)" if frame.target_port == 53 else ""
    return f"{family} {name} to {frame.target}{port}{dns}"


def parse_frame(frame: bytes) -> FrameHeaders:
    """The headers of an Ethernet frame; frames cut short keep what could be read."""
    if len(frame) < 14:
        return FrameHeaders(0)
    kind = struct.unpack_from("!H", frame, 12)[0]
    if kind == IPV4 and len(frame) >= 34:
        at = 14 + (frame[14] & 15) * 4
        return _transport(
            kind, frame[23], socket.inet_ntop(socket.AF_INET, frame[30:34]), frame[at:]
        )
    if kind == IPV6 and len(frame) >= 54:
        protocol, at = frame[20], 54
        if protocol == HOP_BY_HOP and len(frame) >= 56:
            protocol, at = frame[54], 54 + (frame[55] + 1) * 8
        return _transport(
            kind, protocol, socket.inet_ntop(socket.AF_INET6, frame[38:54]), frame[at:]
        )
    return FrameHeaders(kind)


def _transport(kind: int, protocol: int, target: str, rest: bytes) -> FrameHeaders:
    if protocol in (TCP, UDP) and len(rest) >= 4:
        source_port, target_port = struct.unpack_from("!HH", rest)
        return FrameHeaders(kind, protocol, target, source_port, target_port)
    if protocol == ICMPV6 and rest:
        return FrameHeaders(kind, protocol, target, rest[0])
    return FrameHeaders(kind, protocol, target)


def _outgoing(tap: socket.socket) -> Iterator[FrameHeaders]:
    while True:
        try:
            frame, address = tap.recvfrom(256)
        except BlockingIOError:
            return
        if address[2] == PACKET_OUTGOING:
            yield parse_frame(frame)
