"""Calling at a door on loopback: whatever is killed in between, the machine has its answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshc.agent.core.door_message import short_hash
from meshc.enrolment import door_call
from meshc.enrolment.core.invite_token import DoorPlace
from meshc.enrolment.door_call import call_door
from meshc.errors import NodeError
from tests.support.enrolments import DoorRelay, a_pass, free_port, token
from tests.support.wire import private_key

LONG_AGO_AND_FAR = 1 << 40
LINE = "meshc-request-1.AAAA"


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[DoorRelay]:
    one = DoorRelay(tmp_path)
    yield one
    one.kill()


def place(port: int) -> DoorPlace:
    return DoorPlace("127.0.0.1", port, private_key("door").public_key(), 4)


def test_the_answer_comes_although_the_relay_is_killed_in_between(relay: DoorRelay) -> None:
    port, found = free_port(), list[str | None]()
    identifier = token().keys().identifier
    relay.files.wish({identifier: a_pass(port=port, until=LONG_AGO_AND_FAR)})
    relay.start()
    caller = threading.Thread(
        target=lambda: found.append(call_door(place(port), token().keys(), LINE, seconds=120))
    )
    caller.start()
    asked = threading.Event()
    while not relay.files.requests(identifier) and caller.is_alive():
        asked.wait(0.05)
    relay.kill()
    relay.files.keep_answer(identifier, short_hash(LINE.encode()), b"meshc-answer-1.BBBB" * 500)
    relay.start()
    caller.join()
    assert found == ["meshc-answer-1.BBBB" * 500]
    while relay.files.passes():
        asked.wait(0.05)
    assert relay.files.done() == {identifier}


def test_machines_that_come_at_once_with_one_key_all_get_through(
    relay: DoorRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worst case: none of them knows of the others, and all begin with the same slot."""
    monkeypatch.setattr(door_call, "first_slot", lambda callers: 0)
    monkeypatch.setattr(door_call, "SILENCE", 3.0)
    port, identifier = free_port(), token().keys().identifier
    relay.files.wish({identifier: a_pass(port=port, uses=3, until=LONG_AGO_AND_FAR)})
    lines = [f"meshc-request-1.{number}" for number in range(3)]
    for line in lines:
        relay.files.keep_request(identifier, line.encode())
        relay.files.keep_answer(identifier, short_hash(line.encode()), f"answer to {line}".encode())
    relay.start()
    found: dict[str, str | None] = {}

    def join(line: str) -> None:
        found[line] = call_door(place(port), token().keys(), line, seconds=120)

    machines = [threading.Thread(target=join, args=(line,)) for line in lines]
    for machine in machines:
        machine.start()
    for machine in machines:
        machine.join()
    assert found == {line: f"answer to {line}" for line in lines}


def test_nobody_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_call, "SILENCE", 0.2)
    with pytest.raises(NodeError, match="nobody opens"):
        call_door(place(free_port()), token().keys(), LINE, seconds=0.5)


def test_a_name_without_an_address_is_said() -> None:
    nowhere = DoorPlace("nowhere.invalid", 1, private_key("door").public_key(), 4)
    with pytest.raises(NodeError, match="has no address"):
        call_door(nowhere, token().keys(), LINE, seconds=1)
