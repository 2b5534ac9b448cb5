"""Ping from inside a place of the lab: echo requests with chosen size and hop limit.

One process per namespace probes all of its targets at once.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from meshc.engine.proto.offload import checksum
from meshc.lab.world.jobs import Job

# ICMP types (RFC 792, RFC 4443), as (echo request, echo reply, time exceeded, unreachable, too big)
V4 = (8, 0, 11, 3, None)
V6 = (128, 129, 3, 1, 2)
IP_MTU_DISCOVER, IP_PMTUDISC_PROBE = 10, 3
IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE = 23, 3
IPV6_DONTFRAG = 62
SO_TIMESTAMPNS = 35
PLAIN_TTL = 64
HEADER = {4: 28, 6: 48}  # IP header and ICMP header


@dataclass(frozen=True, slots=True)
class PingTarget:
    """`size` is the whole packet in bytes, which is not to be fragmented. Who is `patient` asks
    again until there is an answer; others ask a few times and no more."""

    address: str
    ttl: int = PLAIN_TTL
    size: int = 84
    patient: bool = True

    @property
    def family(self) -> int:
        return 6 if ":" in self.address else 4


@dataclass(frozen=True, slots=True)
class Echo:
    """What was heard about a target. `kind` is reply, exceeded, unreachable, too_big or none,
    `sender` who said so, `ttl` the hop limit that was left, `sent` how often was asked; without an
    answer `error` may say why."""

    kind: str = "none"
    sender: str = ""
    ttl: int = 0
    ms: float | None = None
    sent: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Ping(Job[tuple[Echo, ...]]):
    """Sends echo requests until all that matters is answered; one answer per target.

    Patient targets are asked again every `interval` until `seconds` have passed, the others
    `tries` times. While answers come in, `seconds` begins anew, but never beyond `most` (None: the
    same): a machine that is busy is slow, not silent. `mark` is the packets' firewall mark; with an
    `interface` they leave by that one, whatever the routes say.
    """

    targets: tuple[PingTarget, ...]
    seconds: float = 10.0
    most: float | None = None
    interval: float = 0.5
    tries: int = 3
    mark: int = 0
    interface: str = ""

    def run(self) -> tuple[Echo, ...]:
        with contextlib.closing(_Prober(self.targets, self.mark, self.interface)) as prober:
            self._ask(prober)
            if len(prober.answers) < len(self.targets):
                prober.listen(self.interval)
            return tuple(prober.result(number) for number in range(len(self.targets)))

    def _ask(self, prober: _Prober) -> None:
        end = time.monotonic() + self.seconds
        last = time.monotonic() + (self.seconds if self.most is None else self.most)
        while True:
            todo = [
                number
                for number, target in enumerate(self.targets)
                if number not in prober.answers
                and (target.patient or prober.sent[number] < self.tries)
            ]
            if not todo or time.monotonic() > end:
                return
            known = len(prober.answers)
            prober.round(todo)
            prober.listen(min(self.interval, max(0.0, end - time.monotonic())))
            if len(prober.answers) > known:
                end = max(end, min(last, time.monotonic() + self.seconds))


class _Prober:
    """Raw ICMP sockets of both families, and what was heard about each target."""

    def __init__(self, targets: Sequence[PingTarget], mark: int, interface: str) -> None:
        self.targets = targets
        self.sent = [0] * len(targets)
        self.answers: dict[int, Echo] = {}
        self.problems: dict[int, str] = {}
        self.flights: dict[tuple[int, int], tuple[int, float]] = {}
        self.ident = os.getpid() & 0xFFFF
        self.sequence = 0
        self.selector = selectors.DefaultSelector()
        self.sockets = {}
        for family in {target.family for target in targets}:
            self.sockets[family] = sock = icmp_socket(family)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
            if interface:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
            self.selector.register(sock, selectors.EVENT_READ, family)

    def close(self) -> None:
        self.selector.close()
        for sock in self.sockets.values():
            sock.close()

    def round(self, numbers: Sequence[int]) -> None:
        """One request to each; answers that come meanwhile are taken as well."""
        for count, number in enumerate(numbers):
            self._send(number)
            if count % 32 == 31:
                self.listen(0.002)

    def listen(self, seconds: float) -> None:
        """Takes what comes until the time is over or nothing more is expected."""
        end = time.monotonic() + seconds
        while len(self.answers) < len(self.targets):
            wait = end - time.monotonic()
            events = self.selector.select(max(0.0, wait))
            for key, _ in events:
                self._drain(key.fileobj, key.data)  # type: ignore[arg-type]
            if wait <= 0:
                return

    def result(self, number: int) -> Echo:
        missing = Echo(error=self.problems.get(number, ""))
        return replace(self.answers.get(number, missing), sent=self.sent[number])

    def _send(self, number: int) -> None:
        target = self.targets[number]
        family = target.family
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.flights[family, self.sequence] = (number, time.time())
        size = max(0, target.size - HEADER[family])
        request = V4[0] if family == 4 else V6[0]
        packet = struct.pack("!BBHHH", request, 0, 0, self.ident, self.sequence) + bytes(size)
        if family == 4:
            packet = packet[:2] + struct.pack("!H", checksum(packet) ^ 0xFFFF) + packet[4:]
        ttl = struct.pack("i", target.ttl)
        level, kind = (
            (socket.IPPROTO_IP, socket.IP_TTL)
            if family == 4
            else (socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT)
        )
        self.sent[number] += 1
        try:
            self.sockets[family].sendmsg([packet], [(level, kind, ttl)], 0, (target.address, 0))
        except OSError as error:
            self.problems[number] = error.strerror or str(error)

    def _drain(self, sock: socket.socket, family: int) -> None:
        while True:
            try:
                data, extra, _, sender = sock.recvmsg(65_535, 256)
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP error of an earlier packet; it arrives as a packet as well
            self._heard(family, data, extra, sender[0])

    def _heard(
        self, family: int, data: bytes, extra: list[tuple[int, int, bytes]], sender: str
    ) -> None:
        now = _arrival(extra)
        if family == 4:
            ttl = data[8]
            data = data[(data[0] & 15) * 4 :]
        else:
            hops = [v for level, kind, v in extra if kind == socket.IPV6_HOPLIMIT]
            ttl = struct.unpack("i", hops[0])[0] if hops else 0
        _, reply, exceeded, unreachable, too_big = V4 if family == 4 else V6
        if len(data) < 8:
            return
        kind = data[0]
        if kind == reply:
            word, inner = "reply", data
        elif kind in (exceeded, unreachable, too_big):
            word = {exceeded: "exceeded", unreachable: "unreachable"}.get(kind, "too_big")
            if family == 4 and kind == unreachable and data[1] == 4:  # fragmentation needed
                word = "too_big"
            quoted = data[8:]
            inner = quoted[(quoted[0] & 15) * 4 :] if family == 4 and quoted else quoted[40:]
        else:
            return
        if len(inner) < 8:
            return
        ident, sequence = struct.unpack_from("!HH", inner, 4)
        flight = self.flights.get((family, sequence))
        if ident != self.ident or flight is None:
            return
        number, at = flight
        if word == "unreachable" and self.targets[number].patient:
            # A relay without a session yet says "host unreachable"; the next try may pass.
            self.problems[number] = f"unreachable, says {sender}"
            return
        self.answers.setdefault(number, Echo(word, sender, ttl, round((now - at) * 1000, 3)))


def _arrival(extra: list[tuple[int, int, bytes]]) -> float:
    """When the kernel took the packet in: this process may look much later."""
    for level, kind, value in extra:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = struct.unpack("qq", value[:16])
            return float(seconds) + float(nanoseconds) / 1e9
    return time.time()


def icmp_socket(family: int) -> socket.socket:
    if family == 4:
        sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE)
    else:
        sock = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE)
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_DONTFRAG, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    sock.setblocking(False)
    return sock
