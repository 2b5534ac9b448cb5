"""Measuring from inside a namespace: echo requests with chosen size and hop limit, TCP, DNS.

These functions run as jobs of `jobs.py`: one dict in, JSON-able values out. One process per
namespace probes all of its targets at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from typing import Any

from meshc.lab.probe.services import AAAA, DNS_PORT, PORT, A, make_query

# ICMP types (RFC 792, RFC 4443), as (echo request, echo reply, time exceeded, unreachable, too big)
V4 = (8, 0, 11, 3, None)
V6 = (128, 129, 3, 1, 2)
IP_MTU_DISCOVER, IP_PMTUDISC_PROBE = 10, 3
IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE = 23, 3
IPV6_DONTFRAG = 62
SO_TIMESTAMPNS = 35
PLAIN_TTL = 64
HEADER = {4: 28, 6: 48}  # IP header and ICMP header


def ping(args: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Sends echo requests until all that matters is answered.

    `args`: `targets` is a list of {address, ttl?, size?, patient?}: `size` is the whole packet in
    bytes (not to be fragmented), `patient` ones (default) are repeated until answered or until
    `seconds` have passed; the others are sent `tries` times and no more. While answers come in,
    `seconds` begins anew, but never beyond `most` (default the same): a machine that is busy is
    slow, not silent. `interval` is the time between rounds. The answer has one entry per target:
    {kind: reply|exceeded|unreachable|too_big|none, from, ttl, ms, sent}.
    """
    prober = _Prober(args["targets"])
    interval = float(args.get("interval", 0.5))
    seconds = float(args.get("seconds", 10.0))
    end = time.monotonic() + seconds
    last = time.monotonic() + float(args.get("most", seconds))
    tries = int(args.get("tries", 3))
    with contextlib.closing(prober):
        while True:
            todo = [
                number
                for number, target in enumerate(prober.targets)
                if number not in prober.answers
                and (target.get("patient", True) or prober.sent[number] < tries)
            ]
            if not todo or time.monotonic() > end:
                break
            known = len(prober.answers)
            prober.round(todo)
            prober.listen(min(interval, max(0.0, end - time.monotonic())))
            if len(prober.answers) > known:
                end = max(end, min(last, time.monotonic() + seconds))
        if len(prober.answers) < len(prober.targets):
            prober.listen(interval)
    return [prober.result(number) for number in range(len(prober.targets))]


def tcp(args: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Connects to the lab's TCP service of each of `targets` (a list of {address, port?}).

    The answer per target: {name, peer, ms} as the service said, or {error}. A refused or silent
    connection is tried again until `seconds` (default 5) have passed.
    """
    seconds = float(args.get("seconds", 5.0))
    end = time.monotonic() + seconds
    answers: list[dict[str, Any]] = [{"error": "no answer"} for _ in args["targets"]]
    todo = list(range(len(answers)))
    while todo and time.monotonic() < end:
        for start in range(0, len(todo), 128):
            _connect_all(args["targets"], todo[start : start + 128], answers, end)
        todo = [number for number in todo if "error" in answers[number]]
        if todo:
            time.sleep(min(0.2, max(0.0, end - time.monotonic())))
    return answers


def lookup(args: Mapping[str, Any]) -> dict[str, Any]:
    """Asks a resolver (`server`, else the first of /etc/resolv.conf) for `name`; the answer is
    {server, addresses} or {server, error}. Raises: OSError when no resolver is configured."""
    server = args.get("server") or nameservers()[0]
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    found: list[str] = []
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(float(args.get("seconds", 2.0)))
        for kind in (A, AAAA):
            number = int.from_bytes(os.urandom(2), "big")
            try:
                sock.sendto(make_query(args["name"], kind, number), (server, DNS_PORT))
                found += _addresses(sock.recv(4096), number)
            except OSError as error:
                return {"server": server, "error": str(error) or "no answer"}
    return {"server": server, "addresses": found}


def nameservers() -> list[str]:
    """The resolvers of /etc/resolv.conf, in order."""
    with open("/etc/resolv.conf") as stream:
        return [line.split()[1] for line in stream if line.startswith("nameserver ")]


class _Prober:
    """Raw ICMP sockets of both families, and what was heard about each target."""

    def __init__(self, targets: Sequence[Mapping[str, Any]]) -> None:
        self.targets = targets
        self.sent = [0] * len(targets)
        self.answers: dict[int, dict[str, Any]] = {}
        self.problems: dict[int, str] = {}
        self.flights: dict[tuple[int, int], tuple[int, float]] = {}
        self.ident = os.getpid() & 0xFFFF
        self.sequence = 0
        self.selector = selectors.DefaultSelector()
        self.sockets = {}
        for family in {6 if ":" in t["address"] else 4 for t in targets}:
            self.sockets[family] = sock = _icmp_socket(family)
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

    def result(self, number: int) -> dict[str, Any]:
        missing = {"kind": "none", "error": self.problems.get(number, "")}
        return {**self.answers.get(number, missing), "sent": self.sent[number]}

    def _send(self, number: int) -> None:
        target = self.targets[number]
        family = 6 if ":" in target["address"] else 4
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.flights[family, self.sequence] = (number, time.time())
        size = max(0, int(target.get("size", 84)) - HEADER[family])
        request = V4[0] if family == 4 else V6[0]
        packet = struct.pack("!BBHHH", request, 0, 0, self.ident, self.sequence) + bytes(size)
        if family == 4:
            packet = packet[:2] + struct.pack("!H", _checksum(packet)) + packet[4:]
        ttl = struct.pack("i", int(target.get("ttl", PLAIN_TTL)))
        level, kind = (
            (socket.IPPROTO_IP, socket.IP_TTL)
            if family == 4
            else (socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT)
        )
        self.sent[number] += 1
        try:
            self.sockets[family].sendmsg([packet], [(level, kind, ttl)], 0, (target["address"], 0))
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
        if word == "unreachable" and self.targets[number].get("patient", True):
            # A relay without a session yet says "host unreachable"; the next try may pass.
            self.problems[number] = f"unreachable, says {sender}"
            return
        self.answers.setdefault(
            number,
            {"kind": word, "from": sender, "ttl": ttl, "ms": round((now - at) * 1000, 3)},
        )


def _arrival(extra: list[tuple[int, int, bytes]]) -> float:
    """When the kernel took the packet in: this process may look much later."""
    for level, kind, value in extra:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = struct.unpack("qq", value[:16])
            return float(seconds) + float(nanoseconds) / 1e9
    return time.time()


def _icmp_socket(family: int) -> socket.socket:
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


def _checksum(data: bytes) -> int:
    """RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _connect_all(
    targets: Sequence[Mapping[str, Any]],
    numbers: Sequence[int],
    answers: list[dict[str, Any]],
    end: float,
) -> None:
    """Connects to some targets side by side and writes down what each of them says."""
    selector = selectors.DefaultSelector()
    begun = time.monotonic()
    for number in numbers:
        target = targets[number]
        family = socket.AF_INET6 if ":" in target["address"] else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            sock.connect((target["address"], target.get("port", PORT)))
        except BlockingIOError:
            pass
        except OSError as error:
            answers[number] = {"error": error.strerror or str(error)}
            sock.close()
            continue
        selector.register(sock, selectors.EVENT_READ, number)
    # A new attempt has better chances than a very old one, but not than one on a slow machine.
    wait_until = min(end, begun + max(3.0, (end - begun) / 2))
    while selector.get_map() and time.monotonic() < wait_until:
        for key, _ in selector.select(max(0.0, wait_until - time.monotonic())):
            sock = key.fileobj  # type: ignore[assignment]
            answers[key.data] = _read_greeting(sock, begun)
            selector.unregister(sock)
            sock.close()
    for key in list(selector.get_map().values()):
        key.fileobj.close()  # type: ignore[union-attr]
    selector.close()


def _read_greeting(sock: socket.socket, begun: float) -> dict[str, Any]:
    try:
        line = sock.recv(4096)
    except OSError as error:
        return {"error": error.strerror or str(error)}
    try:
        said: dict[str, Any] = json.loads(line)
    except ValueError:
        return {"error": "closed without an answer"}
    return {**said, "ms": round((time.monotonic() - begun) * 1000, 3)}


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
