"""Port trials: a TCP connection or a datagram from inside a place of the lab to one port of one
address, many at a time, and who answers."""

from __future__ import annotations

import contextlib
import errno
import json
import resource
import selectors
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

from meshc.lab.probe import stun
from meshc.lab.probe.services import DNS_PORT, A, make_query
from meshc.lab.world.jobs import Job

SIDE_BY_SIDE = 800
AGAIN = 0.5
# The first SYN is repeated after a second (RFC 6298); no attempt is waited out for longer.
LONGEST_ATTEMPT = 8.0


@dataclass(frozen=True, slots=True)
class PortTrial:
    """`protocol` is tcp or udp."""

    address: str
    protocol: str
    port: int


@dataclass(frozen=True, slots=True)
class PortAnswer:
    """`reached` when anybody answers at all: with a greeting, which has his `name`, or with a
    refusal, as where nobody listens. What came instead is `error`."""

    reached: bool = False
    name: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class TryPorts(Job[tuple[PortAnswer, ...]]):
    """One answer per trial. What is silent is tried again until `seconds` have passed, if it is
    `patient`; else that long once. `mark` is the packets' firewall mark."""

    trials: tuple[PortTrial, ...]
    seconds: float
    patient: bool = True
    mark: int = 0

    def run(self) -> tuple[PortAnswer, ...]:
        side_by_side = _descriptors()
        answers = [PortAnswer(error="no answer") for _ in self.trials]
        todo = list(range(len(answers)))
        end = time.monotonic() + self.seconds
        while todo:
            for start in range(0, len(todo), side_by_side):
                some = todo[start : start + side_by_side]
                longest = max(0.5, min(LONGEST_ATTEMPT, end - time.monotonic()))
                self._attempt(some, answers, longest if self.patient else self.seconds)
            todo = [number for number in todo if not answers[number].name]
            if not self.patient or time.monotonic() >= end:
                break
            if todo:
                time.sleep(0.2)
        return tuple(answers)

    def _attempt(self, numbers: Sequence[int], answers: list[PortAnswer], seconds: float) -> None:
        """Some trials side by side, once."""
        with contextlib.ExitStack() as stack:
            selector = stack.enter_context(selectors.DefaultSelector())
            datagrams: dict[int, socket.socket] = {}
            for number in numbers:
                trial = self.trials[number]
                sock = stack.enter_context(_socket(trial, self.mark))
                try:
                    sock.connect((trial.address, trial.port))
                except BlockingIOError:
                    pass
                except OSError as error:
                    answers[number] = _failed(error)
                    continue
                selector.register(sock, selectors.EVENT_READ, number)
                if trial.protocol == "udp":
                    datagrams[number] = sock
            end, again = time.monotonic() + seconds, 0.0
            while selector.get_map() and time.monotonic() < end:
                if time.monotonic() >= again:
                    again = time.monotonic() + AGAIN
                    self._send(datagrams, answers)
                wait = max(0.0, min(end, again) - time.monotonic())
                for key, _ in selector.select(wait):
                    sock = key.fileobj  # type: ignore[assignment]
                    answers[key.data] = _heard(sock)
                    datagrams.pop(key.data, None)
                    selector.unregister(sock)

    def _send(self, datagrams: dict[int, socket.socket], answers: list[PortAnswer]) -> None:
        for number, sock in datagrams.items():
            try:
                sock.send(_question(self.trials[number].port))
            except OSError as error:
                answers[number] = _failed(error)


def _descriptors() -> int:
    """So many sockets may be open at once, some spare ones kept."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = SIDE_BY_SIDE + 100
    enough = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))
    return max(1, enough - 100)


def _socket(trial: PortTrial, mark: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in trial.address else socket.AF_INET
    kind = socket.SOCK_STREAM if trial.protocol == "tcp" else socket.SOCK_DGRAM
    sock = socket.socket(family, kind)
    sock.setblocking(False)
    if mark:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
    return sock


def _question(port: int) -> bytes:
    """What the lab's own servers of that port answer; anybody else answers anything."""
    if port == DNS_PORT:
        return make_query("port-trial.lab.test", A, 1)
    return stun.request(b"meshc trials") if port in stun.PORTS else b"who is there?"


def _heard(sock: socket.socket) -> PortAnswer:
    try:
        said = sock.recv(4096)
    except OSError as error:
        return _failed(error)
    try:
        return PortAnswer(True, str(json.loads(said)["name"]))
    except (ValueError, TypeError, KeyError):
        return PortAnswer(True, "?" if said else "")


def _failed(error: OSError) -> PortAnswer:
    """A refusal is an answer: the packet has arrived where nobody listens."""
    text = error.strerror or str(error)
    return PortAnswer(error.errno in (errno.ECONNREFUSED, errno.ECONNRESET), error=text)
