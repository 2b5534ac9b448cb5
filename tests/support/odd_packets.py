"""Packets that no program of a good host sends: other protocols, fragments, IPv6 extension headers.

All carry the same traffic class, so that a counter can tell them from everything else.
"""

from __future__ import annotations

import socket
import struct

DSCP = 23
_CLASS = DSCP << 2

# Sends packets that stand as hex in the lines of its standard input, as frames: to argv[2] over
# the interface argv[1].
SENDER = """
import socket, sys
frame = bytes.fromhex(sys.argv[2].replace(":", "")) + bytes(6)
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
    out.bind((sys.argv[1], 0))
    for line in sys.stdin:
        packet = bytes.fromhex(line)
        out.send(frame + (b"\\x08\\x00" if packet[0] >> 4 == 4 else b"\\x86\\xdd") + packet)
"""


def packet(source: str, target: str, protocol: int, payload: bytes) -> bytes:
    """A whole one, of the family of its addresses."""
    if ":" in source:
        head = struct.pack("!IHBB", 6 << 28 | _CLASS << 20, len(payload), protocol, 64)
        return head + _raw(source) + _raw(target) + payload
    return _header(source, target, protocol, len(payload)) + payload


def fragments(source: str, target: str, protocol: int, payload: bytes) -> list[bytes]:
    """The same in two parts, the first of eight bytes."""
    if ":" in source:
        parts = ((payload[:8], 1), (payload[8:], 8))
        heads = [struct.pack("!BBHI", protocol, 0, offset, 7) for _, offset in parts]
        return [
            packet(source, target, socket.IPPROTO_FRAGMENT, head + part)
            for head, (part, _) in zip(heads, parts, strict=True)
        ]
    return [
        _header(source, target, protocol, 8, 0x2000) + payload[:8],
        _header(source, target, protocol, len(payload) - 8, 1) + payload[8:],
    ]


def extended(source: str, target: str, protocol: int, payload: bytes, *headers: int) -> bytes:
    """Behind extension headers: hop-by-hop (0), routing (43), destination options (60)."""
    for one in reversed(headers):
        # a routing header of type 4 with nothing left, or options that are padding
        body = b"\x04\x00\x00\x00\x00\x00" if one == socket.IPPROTO_ROUTING else b"\x01\x04\0\0\0\0"
        payload = bytes((protocol, 0)) + body + payload
        protocol = one
    return packet(source, target, protocol, payload)


def tcp(source: str, target: str, port: int, *, sender: int = 40000) -> bytes:
    """A SYN."""
    head = struct.pack("!HHIIBBHHH", sender, port, 1, 0, 5 << 4, 2, 1024, 0, 0)
    total = _sum(_pseudo(source, target, socket.IPPROTO_TCP, len(head)) + head)
    return head[:16] + struct.pack("!H", total) + head[18:]


def udp(source: str, target: str, port: int, content: bytes = bytes(16)) -> bytes:
    head = struct.pack("!HHHH", 40000, port, 8 + len(content), 0)
    total = _sum(_pseudo(source, target, socket.IPPROTO_UDP, len(head + content)) + head + content)
    return head[:6] + struct.pack("!H", total) + content


def _header(source: str, target: str, protocol: int, size: int, part: int = 0) -> bytes:
    head = struct.pack("!BBHHHBBH", 0x45, _CLASS, 20 + size, 7, part, 64, protocol, 0)
    ends = _raw(source) + _raw(target)
    return head[:10] + struct.pack("!H", _sum(head + ends)) + ends


def _pseudo(source: str, target: str, protocol: int, size: int) -> bytes:
    if ":" in source:
        return _raw(source) + _raw(target) + struct.pack("!IxxxB", size, protocol)
    return _raw(source) + _raw(target) + struct.pack("!xBH", protocol, size)


def _raw(address: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def _sum(data: bytes) -> int:
    data += bytes(len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
