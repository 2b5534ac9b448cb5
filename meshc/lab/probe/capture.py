"""`meshc lab capture`: the packets of one link as a pcap file (no tcpdump needed)."""

from __future__ import annotations

import socket
import struct
import time
from typing import BinaryIO

from meshc.errors import NodeError
from meshc.lab.world.control import Lab
from meshc.lab.world.enter import enter_network

ETH_P_ALL = 0x0003
ARPHRD_ETHER = 1
# https://www.tcpdump.org/linktypes.html; the file format is draft-ietf-opsawg-pcap.
LINKTYPE_ETHERNET, LINKTYPE_RAW = 1, 101
MAGIC, SNAPLEN = 0xA1B2C3D4, 262_144


def listen(lab: Lab, link: str) -> socket.socket:
    """A socket that hears every packet of a link. This process has entered the lab's network
    afterwards. Raises: NodeError when there is no such link."""
    if link not in lab.state.links:
        raise NodeError(
            f"{link!r} is not a link of lab {lab.state.id}",
            hint=f"links: {', '.join(sorted(lab.state.links))}",
        )
    place, interface = lab.state.links[link]
    enter_network(lab, place)
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 23)
    try:
        tap.bind((interface, ETH_P_ALL))
    except OSError as error:
        tap.close()
        raise NodeError(f"{link}: {error.strerror}") from None
    return tap


def write_packets(
    tap: socket.socket, stream: BinaryIO, *, seconds: float | None, packets: int | None
) -> int:
    """Writes what a socket of `listen` hears until `seconds` or `packets` are reached, or Ctrl-C;
    answers with how many packets there were."""
    end = None if seconds is None else time.monotonic() + seconds
    count = 0
    kind = tap.getsockname()[3]
    stream.write(file_header(LINKTYPE_ETHERNET if kind == ARPHRD_ETHER else LINKTYPE_RAW))
    try:
        while packets is None or count < packets:
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                break
            tap.settimeout(left)
            data = tap.recv(SNAPLEN)
            stream.write(record(data, time.time()))
            stream.flush()
            count += 1
    except (TimeoutError, KeyboardInterrupt):
        return count
    return count


def file_header(linktype: int) -> bytes:
    """The first 24 bytes of a pcap file, with microseconds and this machine's byte order."""
    return struct.pack("=IHHiIII", MAGIC, 2, 4, 0, 0, SNAPLEN, linktype)


def record(data: bytes, at: float) -> bytes:
    """One packet with its time (seconds since 1970)."""
    whole = int(at)
    return struct.pack("=IIII", whole, int((at - whole) * 1e6), len(data), len(data)) + data
