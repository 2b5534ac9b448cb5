"""The origin of a packet that this host's own NAT gave another source, as conntrack knows it.

A packet comes out of the TUN device after the NAT, so that its source may be ours while somebody
behind us sent it. An ICMP error about it is led back by the NAT; but it leaves from the address
that was right for ourselves, and a filter on the way, or of who asked, takes none from there. The
kernel's own WireGuard asks conntrack as well (`icmp_ndo_send` in `icmp.c`).
"""

from __future__ import annotations

import logging
import socket
import struct

from meshc.engine.io.netlink import GETROUTE, KernelAnswers, attribute, attributes

log = logging.getLogger(__name__)

NETLINK_NETFILTER = 12
_CT_GET = 1 << 8 | 1  # linux/netfilter/nfnetlink.h: NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET
_NFGEN = struct.Struct("=BBH")
_NESTED = 0x8000
# linux/netfilter/nfnetlink_conntrack.h
_TUPLE_ORIG, _TUPLE_REPLY, _TUPLE_IP, _TUPLE_PROTO = 1, 2, 1, 2
_PROTO_NUM, _SRC_PORT, _DST_PORT = 1, 2, 3
_ADDRESSES = {4: (1, 2), 6: (3, 4)}
_ECHO = {4: (4, 5, 6), 6: (7, 8, 9)}  # identifier, type, code
_ASKED = {4: {8: 0, 13: 14}, 6: {128: 129}}  # ICMP: what is asked, what answers
_ICMP = {4: 1, 6: 58}
_WITH_PORTS = (6, 17, 33, 132, 136)
_SHORTEST = {4: 20, 6: 40}
_FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
_RTMSG = struct.Struct("=BBBBBBBBI")
_RTA_DST, _RTA_PREFSRC = 1, 7


class NatOrigin:
    """Sockets for the two questions; where the kernel tracks nothing nobody else was the sender."""

    def __init__(self) -> None:
        self._routes = KernelAnswers()
        self._tracked = KernelAnswers(NETLINK_NETFILTER)

    def own_address(self, packet: bytes) -> bytes | None:
        """The address of ours that leads to who sent `packet` before its source was changed; None
        where the source is as it was, or nobody knows."""
        question = reply_tuple(packet)
        if question is None:
            return None
        version = packet[0] >> 4
        head = _NFGEN.pack(_FAMILY[version], 0, 0)
        try:
            found = self._tracked.ask(_CT_GET, head + question)
            sender = _sender(found[_NFGEN.size :], version)
            if sender is None or sender == _source(packet):
                return None
            return self._leads_to(sender, version)
        except OSError as error:
            log.debug("conntrack does not tell who sent a packet: %s", error.strerror)
            return None

    def close(self) -> None:
        """Ask no more."""
        self._routes.close()
        self._tracked.close()

    def _leads_to(self, host: bytes, version: int) -> bytes | None:
        """Raises OSError."""
        question = _RTMSG.pack(_FAMILY[version], len(host) * 8, 0, 0, 0, 0, 0, 0, 0)
        answer = self._routes.ask(GETROUTE, question + attribute(_RTA_DST, host))
        return attributes(answer[_RTMSG.size :]).get(_RTA_PREFSRC)


def reply_tuple(packet: bytes) -> bytes | None:
    """What an answer to the packet would look like to conntrack; None for what has none."""
    version = packet[0] >> 4 if packet else 0
    if version not in _FAMILY or len(packet) < _SHORTEST[version]:
        return None
    header = (packet[0] & 15) * 4 if version == 4 else _SHORTEST[6]
    protocol = packet[9] if version == 4 else packet[6]
    payload = packet[header:]
    proto = _proto(payload, protocol, version) if len(payload) >= 8 else None
    if proto is None:
        return None
    size, at = (4, 12) if version == 4 else (16, 8)
    to, from_ = packet[at : at + size], packet[at + size : at + 2 * size]
    source, destination = _ADDRESSES[version]
    addresses = attribute(source, from_) + attribute(destination, to)
    numbers = attribute(_PROTO_NUM, bytes((protocol,))) + proto
    return _nested(_TUPLE_REPLY, _nested(_TUPLE_IP, addresses) + _nested(_TUPLE_PROTO, numbers))


def _proto(payload: bytes, protocol: int, version: int) -> bytes | None:
    if protocol in _WITH_PORTS:
        return attribute(_SRC_PORT, payload[2:4]) + attribute(_DST_PORT, payload[:2])
    answered = _ASKED[version].get(payload[0]) if protocol == _ICMP[version] else None
    if answered is None:
        return None
    identifier, kind, code = _ECHO[version]
    head = attribute(identifier, payload[4:6]) + attribute(kind, bytes((answered,)))
    return head + attribute(code, bytes(1))


def _sender(entry: bytes, version: int) -> bytes | None:
    inside = attributes(attributes(entry).get(_TUPLE_ORIG, b""))
    return attributes(inside.get(_TUPLE_IP, b"")).get(_ADDRESSES[version][0])


def _source(packet: bytes) -> bytes:
    return packet[12:16] if packet[0] >> 4 == 4 else packet[8:24]


def _nested(kind: int, value: bytes) -> bytes:
    return attribute(kind | _NESTED, value)
