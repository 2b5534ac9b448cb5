"""TCP from inside a place of the lab: who greets at an address, and whom it sees."""

from __future__ import annotations

import json
import selectors
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

from meshc.lab.probe.patience import ATTEMPT as LONGEST_ATTEMPT
from meshc.lab.probe.services import PORT
from meshc.lab.world.jobs import Job


@dataclass(frozen=True, slots=True)
class Greeting:
    """What the lab's TCP service said: the `name` of its machine and the address of the `peer` that
    it saw; with an `error` it said nothing."""

    name: str = ""
    peer: str = ""
    ms: float | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Greet(Job[tuple[Greeting, ...]]):
    """Connects to the lab's TCP service at each address; one answer per address. A refused or
    silent connection is tried again until `seconds` have passed. `mark` is that of the packets."""

    addresses: tuple[str, ...]
    seconds: float = 5.0
    mark: int = 0

    def run(self) -> tuple[Greeting, ...]:
        end = time.monotonic() + self.seconds
        answers = [Greeting(error="no answer") for _ in self.addresses]
        todo = list(range(len(answers)))
        while todo and time.monotonic() < end:
            for start in range(0, len(todo), 128):
                some = todo[start : start + 128]
                _connect_all(self.addresses, some, answers, end, self.mark)
            todo = [number for number in todo if answers[number].error]
            if todo:
                time.sleep(min(0.2, max(0.0, end - time.monotonic())))
        return tuple(answers)


def _connect_all(
    addresses: Sequence[str],
    numbers: Sequence[int],
    answers: list[Greeting],
    end: float,
    mark: int,
) -> None:
    """Connects to some targets side by side and writes down what each of them says."""
    selector = selectors.DefaultSelector()
    begun = time.monotonic()
    for number in numbers:
        address = addresses[number]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
        try:
            sock.connect((address, PORT))
        except BlockingIOError:
            pass
        except OSError as error:
            answers[number] = Greeting(error=error.strerror or str(error))
            sock.close()
            continue
        selector.register(sock, selectors.EVENT_READ, number)
    # A new attempt has better chances than a very old one, but not than one on a slow machine.
    wait_until = min(end, begun + min(LONGEST_ATTEMPT, max(3.0, (end - begun) / 2)))
    while selector.get_map() and time.monotonic() < wait_until:
        for key, _ in selector.select(max(0.0, wait_until - time.monotonic())):
            sock = key.fileobj  # type: ignore[assignment]
            answers[key.data] = _read_greeting(sock, begun)
            selector.unregister(sock)
            sock.close()
    for key in list(selector.get_map().values()):
        key.fileobj.close()  # type: ignore[union-attr]
    selector.close()


def _read_greeting(sock: socket.socket, begun: float) -> Greeting:
    try:
        line = sock.recv(4096)
    except OSError as error:
        return Greeting(error=error.strerror or str(error))
    try:
        said = json.loads(line)
    except ValueError:
        return Greeting(error="closed without an answer")
    return Greeting(said["name"], said["peer"], round((time.monotonic() - begun) * 1000, 3))
