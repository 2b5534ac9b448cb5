"""Inner packets for tests, and slow obvious versions of what the engine does in bulk."""

from __future__ import annotations

import struct
from ipaddress import ip_address

from meshc.engine.proto.offload import (
    F_NEEDS_CSUM,
    GSO_TCPV4,
    GSO_TCPV6,
    GSO_UDP_L4,
    VirtioNetHdr,
)

FIN, SYN, PSH, ACK, CWR = 0x01, 0x02, 0x08, 0x10, 0x80
DF = 0x4000


def slow_checksum(data: bytes) -> int:
    """RFC 1071, word by word: the value for the header field."""
    total = 0
    for at in range(0, len(data), 2):
        total += int.from_bytes(data[at : at + 2].ljust(2, b"\0"), "big")
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def pseudo(packet: bytes, protocol: int, length: int) -> bytes:
    addresses = packet[12:20] if packet[0] >> 4 == 4 else packet[8:40]
    return addresses + struct.pack(">IHBB", length, 0, 0, protocol)


def ip(
    source: str,
    destination: str,
    protocol: int,
    body: bytes,
    *,
    identification: int = 7,
    fragment: int = DF,
    tos: int = 0,
    ttl: int = 64,
) -> bytes:
    """An IPv4 or IPv6 packet around `body`."""
    src, dst = ip_address(source).packed, ip_address(destination).packed
    if len(src) == 16:
        return (
            struct.pack(">IHBB", 6 << 28 | tos << 20, len(body), protocol, ttl) + src + dst + body
        )
    head = struct.pack(
        ">BBHHHBBH", 0x45, tos, 20 + len(body), identification, fragment, ttl, protocol, 0
    )
    check = slow_checksum(head + src + dst)
    return head[:10] + struct.pack(">H", check) + src + dst + body


def tcp(
    payload: bytes,
    *,
    source: str = "10.0.0.1",
    destination: str = "10.0.0.2",
    sport: int = 1000,
    dport: int = 2000,
    sequence: int = 1,
    flags: int = ACK,
    options: bytes = b"",
    ack: int = 9,
    **fields: int,
) -> bytes:
    """A TCP packet with right checksums; `options` is a multiple of four bytes."""
    offset = (20 + len(options)) // 4 << 4
    segment = (
        struct.pack(">HHIIBBHHH", sport, dport, sequence % 2**32, ack, offset, flags, 512, 0, 0)
        + options
        + payload
    )
    return with_checksum(ip(source, destination, 6, segment, **fields))


def udp(
    payload: bytes,
    *,
    source: str = "10.0.0.1",
    destination: str = "10.0.0.2",
    sport: int = 1000,
    dport: int = 2000,
    **fields: int,
) -> bytes:
    """A UDP packet with right checksums."""
    datagram = struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload
    return with_checksum(ip(source, destination, 17, datagram, **fields))


def transport_offset(packet: bytes) -> int:
    return 20 if packet[0] >> 4 == 4 else 40


def protocol_of(packet: bytes) -> int:
    return packet[9] if packet[0] >> 4 == 4 else packet[6]


def with_checksum(packet: bytes) -> bytes:
    """The packet with its TCP or UDP checksum set."""
    at = transport_offset(packet)
    protocol = protocol_of(packet)
    field = at + (16 if protocol == 6 else 6)
    blank = packet[:field] + b"\0\0" + packet[field + 2 :]
    check = slow_checksum(pseudo(packet, protocol, len(packet) - at) + blank[at:])
    if protocol == 17 and not check:
        check = 0xFFFF
    return blank[:field] + struct.pack(">H", check) + blank[field + 2 :]


def has_right_checksums(packet: bytes) -> bool:
    """Whether IP and transport checksums verify, as a receiver would check them."""
    at = transport_offset(packet)
    if packet[0] >> 4 == 4 and slow_checksum(packet[:20]) != 0:
        return False
    return slow_checksum(pseudo(packet, protocol_of(packet), len(packet) - at) + packet[at:]) == 0


def super_packet(packet: bytes, mss: int) -> tuple[bytes, VirtioNetHdr]:
    """A packet as the TUN device would hand it over to be segmented at `mss`."""
    at = transport_offset(packet)
    protocol = protocol_of(packet)
    if protocol == 6:
        size = at + (packet[at + 12] >> 4) * 4
        kind, field = (GSO_TCPV4 if at == 20 else GSO_TCPV6), 16
    else:
        size, kind, field = at + 8, GSO_UDP_L4, 6
    return packet, VirtioNetHdr(F_NEEDS_CSUM, kind, size, mss, at, field)


def slow_split(packet: bytes, vnet: VirtioNetHdr) -> list[bytes]:
    """Segmentation one packet at a time."""
    at = vnet.csum_start
    is_tcp = vnet.gso_type in (GSO_TCPV4, GSO_TCPV6)
    size = at + (packet[at + 12] >> 4) * 4 if is_tcp else at + 8
    payload = packet[size:]
    pieces = [payload[i : i + vnet.gso_size] for i in range(0, len(payload), vnet.gso_size)]
    result = []
    for number, piece in enumerate(pieces):
        head = bytearray(packet[:size])
        if packet[0] >> 4 == 4:
            struct.pack_into(">H", head, 2, size + len(piece))
            identification = struct.unpack_from(">H", head, 4)[0]
            if not head[6] & 0x40:
                struct.pack_into(">H", head, 4, (identification + number) % 65536)
            struct.pack_into(">H", head, 10, 0)
            struct.pack_into(">H", head, 10, slow_checksum(bytes(head[:20])))
        else:
            struct.pack_into(">H", head, 4, size - 40 + len(piece))
        if is_tcp:
            sequence = struct.unpack_from(">I", head, at + 4)[0]
            struct.pack_into(">I", head, at + 4, (sequence + number * vnet.gso_size) % 2**32)
            if number:
                head[at + 13] &= ~CWR & 0xFF
            if number < len(pieces) - 1:
                head[at + 13] &= ~(FIN | PSH) & 0xFF
        else:
            struct.pack_into(">H", head, at + 4, 8 + len(piece))
        result.append(with_checksum(bytes(head) + piece))
    return result


def same_packet(a: bytes, b: bytes) -> bool:
    """Equal but for 0 and 0xffff as a checksum, which are one number (RFC 1624)."""
    if a == b:
        return True
    at = transport_offset(a)
    fields = [at + (16 if protocol_of(a) == 6 else 6)] + ([10] if a[0] >> 4 == 4 else [])
    normal = []
    for packet in (a, b):
        copy = bytearray(packet)
        for field in fields:
            if copy[field : field + 2] == b"\xff\xff":
                copy[field : field + 2] = b"\0\0"
        normal.append(bytes(copy))
    return normal[0] == normal[1]
