"""Which kind of NAT is in front of a host: the STUN classification of RFC 3489 section 10.1.

The public host of the lab answers binding requests on two addresses and two ports
(RFC 5780 section 4), so a probe can ask for an answer from where it has not written to.
"""

from __future__ import annotations

import os
import socket
import struct
from dataclasses import dataclass

from meshc.lab.world.jobs import Job
from meshc.prefixes import address_text

PORTS = (3478, 3479)
MAGIC = 0x2112A442  # RFC 5389 section 6
REQUEST, RESPONSE = 0x0001, 0x0101
XOR_MAPPED, CHANGE = 0x0020, 0x0003  # RFC 5389 section 15.2, RFC 5780 section 7.2
CHANGE_ADDRESS, CHANGE_PORT = 4, 2


def request(transaction: bytes, change: int = 0) -> bytes:
    """A binding request; `change` asks for an answer from the other address and/or port."""
    extra = struct.pack("!HHI", CHANGE, 4, change) if change else b""
    return struct.pack("!HHI", REQUEST, len(extra), MAGIC) + transaction + extra


def parse_request(data: bytes) -> tuple[bytes, int] | None:
    """Transaction and wanted change of a binding request; None for anything else."""
    if len(data) < 20 or struct.unpack_from("!HHI", data)[0::2] != (REQUEST, MAGIC):
        return None
    if len(data) >= 28 and struct.unpack_from("!HH", data, 20) == (CHANGE, 4):
        return data[8:20], struct.unpack_from("!I", data, 24)[0]
    return data[8:20], 0


def response(transaction: bytes, address: str, port: int) -> bytes:
    """The answer to an IPv4 client seen at `address`:`port`."""
    value = struct.unpack("!I", socket.inet_aton(address))[0] ^ MAGIC
    body = struct.pack("!HHBBHI", XOR_MAPPED, 8, 0, 1, port ^ (MAGIC >> 16), value)
    return struct.pack("!HHI", RESPONSE, len(body), MAGIC) + transaction + body


def parse_response(data: bytes, transaction: bytes) -> tuple[str, int] | None:
    """The mapped address in the answer to `transaction`; None for anything else."""
    if len(data) < 32 or data[8:20] != transaction:
        return None
    if struct.unpack_from("!H", data)[0] != RESPONSE:
        return None
    port, value = struct.unpack_from("!HI", data, 26)
    return address_text(4, value ^ MAGIC), port ^ (MAGIC >> 16)


@dataclass(frozen=True, slots=True)
class NatFinding:
    """`nat` is a word of the language, or `blocked` when nothing comes back at all; `mapped` is the
    address as the public host sees it, `local` as it is here."""

    nat: str
    mapped: tuple[str, int] | None
    local: tuple[str, int]


@dataclass(frozen=True, slots=True)
class ClassifyNat(Job[NatFinding]):
    """The kind of NAT between here and the public host, whose addresses `servers` are; `port` is
    the one to ask from."""

    servers: tuple[str, str]
    port: int = 0

    def run(self) -> NatFinding:
        first = self.servers[0]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect((first, PORTS[0]))
            local = sock.getsockname()[0]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((local, self.port))
            here: tuple[str, int] = sock.getsockname()
            seen = _ask(sock, (first, PORTS[0]))
            if seen is None:
                return NatFinding("blocked", None, here)
            return NatFinding(self._kind(sock, here, seen), seen, here)

    def _kind(self, sock: socket.socket, here: tuple[str, int], seen: tuple[str, int]) -> str:
        first, second = self.servers
        if _ask(sock, (first, PORTS[0]), CHANGE_ADDRESS | CHANGE_PORT) is not None:
            return "none" if seen == here else "full_cone"
        if _ask(sock, (second, PORTS[1])) != seen:
            return "symmetric"
        if _ask(sock, (first, PORTS[0]), CHANGE_PORT) is not None:
            return "restricted"
        return "port_restricted"


def _ask(sock: socket.socket, server: tuple[str, int], change: int = 0) -> tuple[str, int] | None:
    """One question, asked three times at most; None when nothing comes back."""
    transaction = os.urandom(12)
    sock.settimeout(0.4)
    for _ in range(3):
        sock.sendto(request(transaction, change), server)
        try:
            found = parse_response(sock.recvfrom(2048)[0], transaction)
        except OSError:
            continue
        if found is not None:
            return found
    return None
