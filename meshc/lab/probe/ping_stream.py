"""A stream of pings: requests at a steady pace, and which of them were answered.

`ping` asks until there is an answer; this one keeps asking, so that the time for which a pair was
away can be read from what was lost. A request counts by when it was sent.
"""

from __future__ import annotations

import os
import selectors
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass

from meshc.engine.proto.offload import checksum
from meshc.lab.probe.ping import V4, V6, icmp_socket
from meshc.lab.world.jobs import Job

PACE = 0.1
LAST_ANSWERS = 1.0
"""Seconds for which the answers to the last requests are waited for."""


@dataclass(frozen=True, slots=True)
class Outage:
    """Of one target: requests that were sent and lost, the seconds from the first that was lost to
    the last; `still` says that it had not come back in the end."""

    sent: int = 0
    lost: int = 0
    seconds: float = 0.0
    still: bool = False


@dataclass(frozen=True, slots=True)
class WatchPings(Job[tuple[Outage, ...]]):
    """Pings all addresses every `pace` seconds, for `seconds`."""

    addresses: tuple[str, ...]
    seconds: float
    pace: float = PACE

    def run(self) -> tuple[Outage, ...]:
        stream = _Stream(self.addresses)
        try:
            begun = time.monotonic()
            rounds = 0
            while time.monotonic() < begun + self.seconds:
                stream.send_round()
                rounds += 1
                stream.listen(begun + rounds * self.pace - time.monotonic())
            stream.listen(LAST_ANSWERS)
            return tuple(outage(requests, self.pace) for requests in stream.requests())
        finally:
            stream.close()


def outage(requests: Sequence[tuple[float, bool]], pace: float) -> Outage:
    """`requests` are when each was sent and whether it was answered, in order."""
    lost = [when for when, answered in requests if not answered]
    if not lost:
        return Outage(len(requests))
    return Outage(
        len(requests), len(lost), round(lost[-1] - lost[0] + pace, 2), not requests[-1][1]
    )


class _Stream:
    """Raw ICMP sockets, and every request by its number."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._targets = [(6 if ":" in address else 4, address) for address in addresses]
        self._sent: list[list[tuple[float, int]]] = [[] for _ in addresses]
        self._answered: set[int] = set()
        self._sequence = 0
        self._ident = os.getpid() & 0xFFFF
        self._selector = selectors.DefaultSelector()
        families = {family for family, _ in self._targets}
        self._sockets = {family: icmp_socket(family) for family in sorted(families)}
        for family, sock in self._sockets.items():
            self._selector.register(sock, selectors.EVENT_READ, family)

    def send_round(self) -> None:
        """One request to each target."""
        for place, (family, address) in enumerate(self._targets):
            self._sequence += 1
            kind = (V4 if family == 4 else V6)[0]
            # more requests than 16 bits count: the whole number is in the body
            body = struct.pack("!Q", self._sequence)
            packet = struct.pack("!BBHHH", kind, 0, 0, self._ident, self._sequence & 0xFFFF) + body
            if family == 4:
                packet = packet[:2] + struct.pack("!H", checksum(packet) ^ 0xFFFF) + packet[4:]
            self._sent[place].append((time.monotonic(), self._sequence))
            try:
                self._sockets[family].sendto(packet, (address, 0))
            except OSError:
                continue  # without a way there it is lost like any other

    def listen(self, seconds: float) -> None:
        """Takes answers until the seconds are over."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            for key, _ in self._selector.select(left):
                self._drain(key.fileobj, key.data)  # type: ignore[arg-type]

    def requests(self) -> list[list[tuple[float, bool]]]:
        """Of each target when requests were sent, and whether they were answered."""
        return [[(when, number in self._answered) for when, number in sent] for sent in self._sent]

    def close(self) -> None:
        self._selector.close()
        for sock in self._sockets.values():
            sock.close()

    def _drain(self, sock: socket.socket, family: int) -> None:
        while True:
            try:
                data = sock.recv(2048)
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP error of an earlier packet
            data = data[(data[0] & 15) * 4 :] if family == 4 else data
            if len(data) >= 16 and data[0] == (V4 if family == 4 else V6)[1]:
                ident, _, number = struct.unpack_from("!HHQ", data, 4)
                if ident == self._ident:
                    self._answered.add(number)
