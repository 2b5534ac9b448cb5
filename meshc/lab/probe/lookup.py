"""A DNS lookup from inside a place of the lab."""

from __future__ import annotations

import os
import socket
import struct
import time
from dataclasses import dataclass

from meshc.lab.probe.services import AAAA, DNS_PORT, A, make_query
from meshc.lab.world.jobs import Job


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a resolver answered, or the `error`."""

    server: str
    addresses: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Lookup(Job[Resolution]):
    """Asks a resolver (`server`, else the first of /etc/resolv.conf) for `name`: again every
    `interval` until `seconds` have passed. OSError when no resolver is configured."""

    name: str
    server: str = ""
    seconds: float = 2.0
    interval: float = 0.0

    def run(self) -> Resolution:
        server = self.server or nameservers()[0]
        family = socket.AF_INET6 if ":" in server else socket.AF_INET
        end = time.monotonic() + self.seconds
        while True:
            try:
                return Resolution(server, self._asked(server, family))
            except OSError as error:
                late = time.monotonic() + self.interval >= end
                if not self.interval or late:
                    return Resolution(server, error=error.strerror or "no answer")
                if not isinstance(error, TimeoutError):
                    time.sleep(self.interval)

    def _asked(self, server: str, family: int) -> tuple[str, ...]:
        """Raises: OSError."""
        found: list[str] = []
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.settimeout(self.interval or self.seconds)
            # connected, so that "unreachable" is heard, and nobody else
            sock.connect((server, DNS_PORT))
            for kind in (A, AAAA):
                number = int.from_bytes(os.urandom(2), "big")
                sock.send(make_query(self.name, kind, number))
                found += _addresses(sock.recv(4096), number)
        return tuple(found)


def nameservers() -> list[str]:
    """The resolvers of /etc/resolv.conf, in order."""
    with open("/etc/resolv.conf") as stream:
        return [line.split()[1] for line in stream if line.startswith("nameserver ")]


def _addresses(reply: bytes, number: int) -> list[str]:
    """The addresses in a reply of our own server: its answers all point at the question."""
    if len(reply) < 12 or struct.unpack_from("!H", reply)[0] != number:
        return []
    (count,) = struct.unpack_from("!H", reply, 6)
    at = 12
    while reply[at]:
        at += reply[at] + 1
    at += 5
    found = []
    for _ in range(count):
        (size,) = struct.unpack_from("!H", reply, at + 10)
        data = reply[at + 12 : at + 12 + size]
        found.append(socket.inet_ntop(socket.AF_INET if size == 4 else socket.AF_INET6, data))
        at += 12 + size
    return found
