"""Invitations: the table of states, and seats that belong to one machine."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.enrolment.core.invitation import NEXT, Invitation, SeatEvent, SeatState
from tests.support.enrolments import NOW, invitation, request

LATER = NOW + 3601
S, E = SeatState, SeatEvent


def test_what_is_decided_is_never_undone() -> None:
    """And nothing becomes enrolled but what a machine has asked for."""
    for (before, event), after in NEXT.items():
        if before in (S.ENROLLED, S.REFUSED, S.EXPIRED):
            assert after is before, (before, event)
        if after is S.ENROLLED and before is not S.ENROLLED:
            assert (before, event) == (S.ASKED, E.GRANT)


@pytest.mark.parametrize(("state", "event"), list(product(S, E)), ids=str)
def test_every_pair_is_in_the_table_or_cannot_happen(state: SeatState, event: SeatEvent) -> None:
    impossible = {
        (S.INVITED, E.GRANT), (S.ENROLLED, E.REFUSE), (S.REFUSED, E.GRANT),
        (S.EXPIRED, E.ASK), (S.EXPIRED, E.GRANT),
    }  # fmt: skip
    assert ((state, event) in NEXT) != ((state, event) in impossible)


def test_the_same_machine_asks_again_and_another_is_told() -> None:
    asked = invitation().asked(request())
    assert not isinstance(asked, str)
    one, seat = asked
    assert (seat.state, seat.request) == (S.ASKED, request())
    assert one.asked(request()) == (one, seat)
    assert one.asked(request(machine="mallory")) == (
        "another machine has asked with this invitation already"
    )


def test_who_has_not_asked_in_time_is_late_and_who_has_is_not() -> None:
    assert invitation().at(LATER).asked(request()) == "the invitation has expired"
    asked = invitation().asked(request())
    assert not isinstance(asked, str)
    assert asked[0].at(LATER) == asked[0]
    assert asked[0].at(LATER).open


def test_an_invitation_for_several_has_a_seat_each() -> None:
    one: Invitation = invitation("web-1", "web-2")
    seats = []
    for machine in ("a", "b"):
        asked = one.asked(request(machine=machine))
        assert not isinstance(asked, str)
        one, seat = asked
        seats.append(seat.node)
    assert seats == ["web-1", "web-2"]
    assert isinstance(one.asked(request(machine="c")), str)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["ask", "grant", "late"]))))
def test_no_history_gives_a_seat_to_two_machines(history: list[tuple[str, str]]) -> None:
    """The slow way round: who had a seat first has it in the end."""
    one, holders = invitation("x", "y"), dict[str, str]()
    for machine, what in history:
        if what == "late":
            one = one.at(LATER)
        elif what == "ask":
            asked = one.asked(request(machine=machine))
            if not isinstance(asked, str):
                one, seat = asked
                assert holders.setdefault(seat.node, machine) == machine
        else:
            mine = one.seat_of(request(machine=machine))
            granted = None if mine is None else mine.after(E.GRANT)
            if granted is not None:
                one = one.with_seat(granted)
    assert len(set(holders.values())) == len(holders)
