"""Segmentation and checksum offload as the TUN device speaks it: pure functions over bytes.

With `IFF_VNET_HDR` every packet to or from the TUN device carries a virtio-net header
(virtio 1.2, 5.1.6 "Device Operation"; `linux/virtio_net.h`). It may say "the checksum is
yours to finish" (`NEEDS_CSUM`) and "this is many TCP or UDP segments in one" (`gso_type`).
The versions that work on whole runs of packets are in `datapath`.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

VNET_HDR_SIZE = 10
VNET_NONE = bytes(VNET_HDR_SIZE)

F_NEEDS_CSUM = 1
GSO_NONE = 0
GSO_TCPV4 = 1
GSO_TCPV6 = 4
GSO_UDP_L4 = 5
GSO_ECN = 0x80

PROTO_TCP = 6
PROTO_UDP = 17
TCP_CSUM_OFFSET = 16
UDP_CSUM_OFFSET = 6

FIN, PSH, ACK, CWR = 0x01, 0x08, 0x10, 0x80

_VNET = Struct("<BBHHHH")
_U16 = Struct(">H")


class VirtioNetHdr(NamedTuple):
    """`struct virtio_net_hdr`, little-endian: lengths and offsets in bytes from the IP header."""

    flags: int = 0
    gso_type: int = GSO_NONE
    hdr_len: int = 0
    gso_size: int = 0
    csum_start: int = 0
    csum_offset: int = 0

    @classmethod
    def parse(cls, buffer: bytes | bytearray | memoryview, offset: int = 0) -> VirtioNetHdr:
        """Read a header; `buffer` must hold `VNET_HDR_SIZE` bytes from `offset`."""
        return cls._make(_VNET.unpack_from(buffer, offset))

    def pack(self) -> bytes:
        """The ten bytes on the wire."""
        return _VNET.pack(*self)


def checksum(data: bytes | bytearray | memoryview, initial: int = 0) -> int:
    """RFC 1071 sum of big-endian 16-bit words, folded but not complemented, in 0..0xffff.

    A nonzero sum never folds to 0 (it gives 0xffff), as with end-around carry.
    """
    odd = len(data) & 1
    total = (int.from_bytes(data, "big") << (8 * odd)) + initial
    # 2**16 is 1 modulo 65535, so the whole number modulo 65535 is the sum of its words.
    return (total % 0xFFFF or 0xFFFF) if total else 0


def pseudo_header_sum(packet: bytes | bytearray | memoryview, protocol: int, length: int) -> int:
    """Sum of the pseudo-header of an IPv4 (RFC 9293 3.1) or IPv6 (RFC 8200 8.1) packet."""
    addresses = packet[12:20] if packet[0] >> 4 == 4 else packet[8:40]
    return checksum(addresses, protocol + length)


def complete_checksum(packet: bytearray | memoryview, csum_start: int, csum_offset: int) -> bool:
    """Finish a partial checksum in place; False if the offsets lie outside the packet.

    The field already holds the pseudo-header's sum, so the sum runs from `csum_start` to the end.
    """
    field = csum_start + csum_offset
    if field + 2 > len(packet):
        return False
    # 0xffff is the same number as 0 and the one that UDP wants (RFC 768).
    value = checksum(packet[csum_start:]) ^ 0xFFFF or 0xFFFF
    _U16.pack_into(packet, field, value)
    return True


def ip_length(packet: bytes | bytearray | memoryview, available: int) -> int:
    """Length in bytes that the IP header claims, 0 if it is malformed or exceeds `available`.

    A transport message is padded with zeros to a multiple of 16 (whitepaper 5.4.6); this is
    where the padding ends.
    """
    if available < 20:
        return 0
    version = packet[0] >> 4
    if version == 4:
        length = packet[2] << 8 | packet[3]
        least = (packet[0] & 15) * 4
        return length if 20 <= least <= length <= available else 0
    if version == 6 and available >= 40:
        length = 40 + (packet[4] << 8 | packet[5])
        return length if length <= available else 0
    return 0


def padded_length(length: int, mtu: int) -> int:
    """Bytes to seal for a packet of `length`: a multiple of 16, never above `mtu` unless 0.

    Whitepaper 5.4.6 asks for the padding; the kernel and wireguard-go cap it at the MTU so
    that a full packet does not grow beyond what the path carries.
    """
    padded = (length + 15) & ~15
    return padded if not mtu or padded <= mtu else max(length, mtu)
