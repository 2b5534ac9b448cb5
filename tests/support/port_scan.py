"""A port scan, run as a program in a lab: `port_scan.py LAST ADDRESS...` sends SYNs to TCP ports
1 to LAST of each address, and prints `ADDRESS PORT` for each from which anything came back.

Half-open, by raw packets: what is closed answers with a reset, which is an answer too.
"""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import sys
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

# the lower ports, where all the listeners are, are asked twice: a packet may get lost
AGAIN = 1100
# the last answer is waited for so many seconds
QUIET = 2.0


class Target(NamedTuple):
    """An address, and the pseudo header of a SYN from here to there."""

    address: str
    header: bytes


def reached(addresses: Sequence[str]) -> Iterator[Target]:
    """Those to which there is a way."""
    for address in addresses:
        version = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(version, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((address, 9))
            except OSError:
                continue
            own = probe.getsockname()[0]
        ends = socket.inet_pton(version, own) + socket.inet_pton(version, address)
        yield Target(address, ends + struct.pack("!IHBB", 20, 0, 0, socket.IPPROTO_TCP))


def syn(header: bytes, source: int, port: int) -> bytes:
    segment = struct.pack("!HHIIBBHHH", source, port, 1, 0, 5 << 4, 2, 1024, 0, 0)
    data = header + segment
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return segment[:16] + struct.pack("!H", total ^ 0xFFFF) + segment[18:]


def scan(version: socket.AddressFamily, last: int, targets: Sequence[Target]) -> set[str]:
    """What answers, of one family."""
    source = random.randrange(20_000, 30_000)
    found: set[str] = set()
    with socket.socket(version, socket.SOCK_RAW, socket.IPPROTO_TCP) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 23)
        sock.setblocking(False)
        for until in (last, min(last, AGAIN)):
            for target in targets:
                for port in range(1, until + 1):
                    with contextlib.suppress(OSError):
                        sock.sendto(syn(target.header, source, port), (target.address, 0))
                    if port % 512 == 0:
                        found |= heard(sock, source, 0.002)
        return found | heard(sock, source, QUIET)


def heard(sock: socket.socket, source: int, seconds: float) -> set[str]:
    found = set()
    end = time.monotonic() + seconds
    while True:
        try:
            data, peer = sock.recvfrom(2048)
        except OSError:
            if time.monotonic() > end:
                return found
            time.sleep(0.001)
            continue
        if ":" not in peer[0]:
            data = data[(data[0] & 15) * 4 :]
        port, target = struct.unpack_from("!HH", data)
        if target == source:
            found.add(f"{peer[0]} {port}")


if __name__ == "__main__":
    known = [*reached(sys.argv[2:])]
    for family in (socket.AF_INET, socket.AF_INET6):
        some = [one for one in known if (":" in one.address) == (family is socket.AF_INET6)]
        print("\n".join(sorted(scan(family, int(sys.argv[1]), some))))
