"""Does an exit user leak? A job that makes traffic of every kind and listens on the uplink.

Whatever leaves the node's own interface must be WireGuard's UDP, or what a link needs to work:
ARP, neighbour discovery, multicast membership. Anything else is a leak, and is named.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from meshc.lab.probe import probes

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


def watch(args: Mapping[str, Any]) -> dict[str, Any]:
    """Makes traffic and reports what left `interface` in the clear. A job.

    `hosts` are addresses of the public host, `port` WireGuard's own UDP port, `name` something to
    ask the resolvers for, `seconds` how long to try connections. The answer: {seen: {address:
    {name, peer} or {error}}, lookups, leaks: [sentence]}; `peer` is the address under which the
    public host saw this node.
    """
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as tap:
        tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        tap.bind((args["interface"], ETH_P_ALL))
        tap.setblocking(False)
        targets = [{"address": address} for address in args["hosts"]]
        seen = probes.tcp({"targets": targets, "seconds": args.get("seconds", 4.0)})
        probes.ping({"targets": [{**t, "patient": False} for t in targets], "seconds": 1.0})
        servers = [*probes.nameservers(), *args.get("resolvers", ())]
        lookups = [
            probes.lookup({"name": args["name"], "server": server, "seconds": 1.0})
            for server in dict.fromkeys(servers)
        ]
        time.sleep(0.1)
        flows = [flow for flow in _outgoing(tap) if is_leak(flow, int(args["port"]))]
    leaks = dict.fromkeys(describe(flow) for flow in flows)
    answers = {t["address"]: found for t, found in zip(targets, seen, strict=True)}
    return {"seen": answers, "lookups": lookups, "leaks": list(leaks)}


def is_leak(flow: FrameHeaders, port: int) -> bool:
    """Whether this may not leave a node that sends everything through its exit. `port` is the
    UDP port of its WireGuard."""
    if flow.kind == ARP or (flow.kind == IPV4 and flow.protocol == IGMP):
        return False
    if flow.kind == IPV6 and flow.protocol == ICMPV6:
        return flow.source_port not in LINK_ICMPV6
    if flow.kind in (IPV4, IPV6):
        return not (flow.protocol == UDP and flow.source_port == port)
    return False  # not IP: nothing that a router would pass on


def describe(flow: FrameHeaders) -> str:
    """`IPv6 UDP to 2001:db8::1 port 53`."""
    family = "IPv4" if flow.kind == IPV4 else "IPv6"
    name = NAMES.get(flow.protocol, f"protocol {flow.protocol}")
    port = f" port {flow.target_port}" if flow.target_port else ""
    dns = " (DNS)" if flow.target_port == 53 else ""
    return f"{family} {name} to {flow.target}{port}{dns}"


def parse_frame(frame: bytes) -> FrameHeaders:
    """The flow of an Ethernet frame; frames cut short keep what could be read."""
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
