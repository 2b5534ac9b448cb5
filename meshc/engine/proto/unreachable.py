"""ICMP errors for inner packets that have nowhere to go, so that users see an error at once
instead of a time-out (the kernel module does the same in `wg_xmit`).

The shell sends the message from an address of this host. The packet around it is for where
that cannot be done; its source is the address that was unreachable, which always has a route
back, while Linux drops what comes in from one of its own addresses.
The device limits the rate (RFC 4443 2.4 (f): "MUST limit the rate").
"""

from __future__ import annotations

import struct

from meshc.engine.proto.ratelimiter import TokenBucket

# ICMP errors a second
UNREACHABLE_RATE = 100.0

_V4 = struct.Struct("!BBHHHBBH4s4s")
# RFC 1812 4.3.2.3: "SHOULD contain as much of the original datagram as possible without the
# length of the ICMP datagram exceeding 576 bytes"
_V4_QUOTE = 576 - 28
# RFC 4443 3.1: "as much of invoking packet as possible without ... exceeding the minimum MTU"
_V6_QUOTE = 1280 - 48

_ICMP, _ICMPV6 = 1, 58
_HOST_UNREACHABLE = (3, 1)  # RFC 792
_ADDRESS_UNREACHABLE = (1, 3)  # RFC 4443 3.1


class Refusals:
    """Errors that wait to be sent, so many a second."""

    def __init__(self) -> None:
        self._bucket = TokenBucket(UNREACHABLE_RATE, UNREACHABLE_RATE / 5)
        self._waiting: list[bytes] = []

    def add(self, packet: bytes, now: float) -> None:
        """Answer a packet, if it may be answered."""
        answer = unreachable(packet)
        if answer is not None and self._bucket.take(now):
            self._waiting.append(answer)

    def take(self) -> list[bytes]:
        """What waits, once."""
        waiting = self._waiting
        if waiting:
            self._waiting = []
        return waiting


def unreachable(packet: bytes) -> bytes | None:
    """The ICMP error for a packet; None when it must not be answered.

    RFC 1122 3.2.2 and RFC 4443 2.4 (e): no errors about ICMP errors, about multicast or broadcast,
    about later fragments, or to a source that is no single host.
    """
    version = packet[0] >> 4 if packet else 0
    if version == 4 and len(packet) >= 20:
        return _unreachable_v4(packet)
    if version == 6 and len(packet) >= 40:
        return _unreachable_v6(packet)
    return None


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    # one's complement sum of 16-bit words: 65536 is 1 modulo 65535
    total = int.from_bytes(data, "big") % 0xFFFF
    return 0xFFFF - total


def _unreachable_v4(packet: bytes) -> bytes | None:
    source, destination = packet[12:16], packet[16:20]
    header = (packet[0] & 15) * 4
    later_fragment = (packet[6] & 0x1F) << 8 | packet[7]
    if later_fragment or not _is_host_v4(source) or not _is_host_v4(destination):
        return None
    if packet[9] == _ICMP and (len(packet) <= header or packet[header] not in (0, 8, 13, 14)):
        return None
    body = _icmp(_HOST_UNREACHABLE, packet[:_V4_QUOTE], b"")
    fields = (0x45, 0xC0, 20 + len(body), 0, 0, 64, _ICMP)
    total = checksum(_V4.pack(*fields, 0, destination, source))
    return _V4.pack(*fields, total, destination, source) + body


def _unreachable_v6(packet: bytes) -> bytes | None:
    source, destination = packet[8:24], packet[24:40]
    if source[0] == 0xFF or source == bytes(16) or destination[0] == 0xFF:
        return None
    # types below 128 are errors; behind extension headers we cannot tell and stay silent
    if packet[6] == _ICMPV6 and (len(packet) <= 40 or packet[40] < 128):
        return None
    if packet[6] in (0, 43, 44, 60):
        return None
    quote = packet[:_V6_QUOTE]
    size = 8 + len(quote)
    pseudo = destination + source + size.to_bytes(4, "big") + bytes((0, 0, 0, _ICMPV6))
    body = _icmp(_ADDRESS_UNREACHABLE, quote, pseudo)
    head = struct.pack("!IHBB", 6 << 28, size, _ICMPV6, 64)
    return head + destination + source + body


def _icmp(kind: tuple[int, int], quote: bytes, pseudo: bytes) -> bytes:
    head = bytes((*kind, 0, 0, 0, 0, 0, 0))
    total = checksum(pseudo + head + quote)
    return bytes(kind) + total.to_bytes(2, "big") + bytes(4) + quote


def _is_host_v4(address: bytes) -> bool:
    return 0 < address[0] < 224
