"""The caller: whatever the wire does, it has the whole answer in the end, or none."""

from __future__ import annotations

import pytest

from meshc.agent.core.door_caller import MOST, DoorCaller
from meshc.agent.core.door_message import Offer, Part, Wait, short_hash
from tests.support.door_world import DoorWorld

REQUEST = b"meshc-request-1.something"


@pytest.mark.parametrize("seed", range(6))
def test_it_has_the_whole_answer_over_any_wire(seed: int) -> None:
    world = DoorWorld(seed, loss=seed * 0.06)
    caller = world.caller(2, REQUEST)
    assert world.run(60, lambda: caller.heard)
    answer = world.random.randbytes(world.random.choice([1, 999, 1000, 1001, 70_000]))
    world.desk.answer({short_hash(REQUEST): answer})
    assert world.run(120, lambda: caller.answer is not None)
    assert caller.answer == answer


def test_a_door_that_was_killed_in_the_middle_goes_on() -> None:
    world = DoorWorld(3)
    caller = world.caller(2, REQUEST)
    answer = world.random.randbytes(40_000)
    assert world.run(30, lambda: caller.heard)
    world.desk.answer({short_hash(REQUEST): answer})
    world.run(2.5)
    world.restart_door()
    world.desk.answer({short_hash(REQUEST): answer})
    assert world.run(60, lambda: caller.answer == answer)
    assert world.run(5, lambda: world.desk.finished)


def test_an_answer_that_was_made_again_is_not_mixed_with_the_first() -> None:
    world = DoorWorld(1)
    caller = world.caller(2, REQUEST)
    world.desk.answer({short_hash(REQUEST): bytes(200_000)})
    world.run(3.0)
    assert caller.answer is None
    second = world.random.randbytes(30_000)
    world.desk.answer({short_hash(REQUEST): second})
    assert world.run(60, lambda: caller.answer is not None)
    assert caller.answer == second


def test_two_callers_have_each_their_own() -> None:
    world = DoorWorld(4, loss=0.1, uses=2)
    callers = [world.caller(number, b"request %d" % number) for number in (2, 3)]
    assert world.run(60, lambda: all(caller.heard for caller in callers))
    world.desk.answer({short_hash(b"request %d" % n): b"answer %d" % n for n in (2, 3)})
    assert world.run(60, lambda: all(caller.answer for caller in callers))
    assert [caller.answer for caller in callers] == [b"answer 2", b"answer 3"]
    assert world.run(10, lambda: world.desk.finished)


def test_nobody_with_another_key_is_heard() -> None:
    world = DoorWorld(2)
    stranger = world.caller(2, REQUEST, known=False)
    world.run(30)
    assert not stranger.heard
    assert world.desk.requests() == {}


def test_a_door_that_lies_is_not_believed() -> None:
    """It cannot make an answer anyway: here it wastes nobody's memory."""
    caller = DoorCaller(REQUEST, 0.0)
    digest, tag = short_hash(REQUEST), short_hash(b"answer")
    assert caller.receive(Offer(digest, tag, MOST + 1), 1.0) == []
    assert caller.receive(Offer(b"another!", tag, 6), 1.0) == []
    assert caller.receive(Wait(b"another!"), 1.0) == []
    assert not caller.heard
    caller.receive(Offer(digest, tag, 6), 1.0)
    for part in (Part(tag, 7, b"x"), Part(tag, 0, b"too much"), Part(b"another!", 0, b"answer")):
        assert caller.receive(part, 1.0) == []
    caller.receive(Part(tag, 0, b"forged"), 1.0)
    assert caller.answer is None
    caller.receive(Offer(digest, tag, 6), 1.0)
    caller.receive(Part(tag, 0, b"answer"), 1.0)
    assert caller.answer == b"answer"
