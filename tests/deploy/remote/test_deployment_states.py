"""The table of a deployment's states: complete, and drawn in the docs as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.states import BEGIN, END, picture
from meshc.deploy.protocol import FailureReason, State
from meshc.deploy.remote.base import Refusal
from meshc.deploy.remote.deployment_states import TRANSITIONS, Event, after, unfinished

ENDS = {State.IDLE, State.CONFIRMED, State.ROLLED_BACK}


def reached(events: set[Event]) -> set[State]:
    """What can be reached from the beginning with these events."""
    found, todo = {State.IDLE}, [State.IDLE]
    while todo:
        state = todo.pop()
        for event in events:
            following = TRANSITIONS.get((state, event))
            if following and following not in found:
                found.add(following)
                todo.append(following)
    return found


def test_every_state_can_be_reached_and_every_event_happens() -> None:
    assert reached(set(Event)) == set(State)
    assert {event for _, event in TRANSITIONS} == set(Event)


def test_nothing_is_confirmed_but_by_confirm_or_adopt() -> None:
    others = set(Event) - {Event.CONFIRM, Event.ADOPT}
    assert State.CONFIRMED not in reached(others)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("alone", [Event.TIMEOUT, Event.BOOT])
def test_a_deployment_that_is_left_alone_is_rolled_back(state: State, alone: Event) -> None:
    """By the deadline and by a restart alike, however often the restoring is interrupted."""
    if state in ENDS:
        assert not unfinished(state)
        assert (state, alone) not in TRANSITIONS
        return
    assert unfinished(state)
    for _ in range(3):
        state = state if state is State.ROLLED_BACK else after(state, alone)
    assert state in (State.ROLLED_BACK, State.ROLLING_BACK)
    if state is State.ROLLING_BACK:
        assert after(state, Event.RESTORED) is State.ROLLED_BACK


def test_a_new_candidate_waits_for_the_end_of_the_last() -> None:
    assert {state for state, event in TRANSITIONS if event is Event.STAGE} == ENDS


def test_what_is_not_in_the_table_is_refused() -> None:
    for state in State:
        for event in Event:
            if (state, event) in TRANSITIONS:
                assert after(state, event) is TRANSITIONS[state, event]
                continue
            with pytest.raises(Refusal, match=f"over: the node is {state.value}$") as refused:
                after(state, event)
            assert refused.value.failure.reason is FailureReason.OVER


def test_the_picture_in_the_docs_is_that_of_the_table() -> None:
    """`python -m docs.states` draws it again."""
    text = (Path(__file__).parents[3] / "docs" / "deploy.md").read_text()
    drawn = text.partition(BEGIN)[2].partition(END)[0].strip()
    assert drawn == picture().strip()
