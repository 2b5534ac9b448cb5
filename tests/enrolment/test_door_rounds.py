"""Rounds of the doors: they can be made again at any time; whoever dies, nothing is half done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meshc.build.pipeline import compile_file
from meshc.enrolment.core.invitation import SeatState
from meshc.enrolment.door_rounds import AFTERWARDS, door_pass, go_round, parsed
from meshc.enrolment.enrolling import grant, refuse
from meshc.enrolment.invitation_files import InvitationFiles
from meshc.enrolment.inviting import FIRST_PORT
from meshc.enrolment.joining import finish
from meshc.errors import NodeError
from tests.support.enrolments import NOW, DoorRelay, Enrolments


@pytest.fixture
def net(tmp_path: Path) -> Enrolments:
    one = Enrolments(tmp_path)
    compile_file(one.file)
    return one


@pytest.fixture
def relay(tmp_path: Path) -> DoorRelay:
    return DoorRelay(tmp_path)


def test_from_the_knock_to_the_answer(net: Enrolments, relay: DoorRelay) -> None:
    invited = net.invite(relay="hub")
    identifier = invited.invitation.identifier
    go_round(net.file, relay.call, now=NOW)
    assert relay.files.passes() == {identifier: door_pass(invited.invitation)}
    pending = net.ask(invited)
    relay.files.keep_request(identifier, pending.line().encode())
    (received,) = go_round(net.file, relay.call, now=NOW).received
    assert received.request == pending.request
    assert relay.files.answers(identifier) == {}
    grant(net.file, identifier, "nas", now=NOW)
    for _ in range(2):
        go_round(net.file, relay.call, now=NOW)
    (answer,) = relay.files.answers(identifier).values()
    assert finish(answer.decode(), net.places()).name == "nas"
    relay.files.finish(identifier)
    go_round(net.file, relay.call, now=NOW)
    closed = InvitationFiles(net.file.parent).get(identifier, NOW)
    assert closed is not None
    assert (closed.door, closed.seats[0].state) == (None, SeatState.ENROLLED)


def test_a_relay_that_lost_everything_opens_again(net: Enrolments, relay: DoorRelay) -> None:
    invited = net.invite(relay="hub")
    go_round(net.file, relay.call, now=NOW)
    relay.files.wish({})
    go_round(net.file, relay.call, now=NOW)
    assert list(relay.files.passes()) == [invited.invitation.identifier]


def test_what_a_stranger_leaves_there_is_no_request(net: Enrolments, relay: DoorRelay) -> None:
    invited = net.invite(relay="hub")
    go_round(net.file, relay.call, now=NOW)
    relay.files.keep_request(invited.invitation.identifier, b"garbage \x1b[2J")
    found = go_round(net.file, relay.call, now=NOW)
    assert found.received == ()
    assert any("no request" in trouble for trouble in found.troubles)


def test_a_relay_that_is_away_or_without_agent_is_named(net: Enrolments, relay: DoorRelay) -> None:
    net.invite(relay="hub")

    def away(name: str, wish: dict[str, Any]) -> Any:
        raise NodeError("no route")

    assert go_round(net.file, away, now=NOW).troubles == ("hub: no route",)
    assert "no agent" in go_round(net.file, relay.call, now=NOW).troubles[0]
    for nonsense in ({}, [], {"requests": 1, "answered": {}, "done": [], "kept": 1}):
        assert go_round(net.file, lambda *_, said=nonsense: said, now=NOW).troubles  # type: ignore[misc]


def test_doors_have_ports_of_their_own_and_are_closed_after_the_date(
    net: Enrolments, relay: DoorRelay
) -> None:
    tokens = [net.invite(name, relay="hub").token for name in ("a", "b")]
    assert [one.door.port for one in tokens if one.door] == [FIRST_PORT, FIRST_PORT + 1]
    go_round(net.file, relay.call, now=NOW)
    assert len(relay.files.passes()) == 2
    net.invite("c", relay="hub", seconds=999_999)
    go_round(net.file, relay.call, now=NOW + 3600 + AFTERWARDS + 1)
    assert len(relay.files.passes()) == 1


def test_an_invitation_that_is_taken_back_shuts_its_door(net: Enrolments, relay: DoorRelay) -> None:
    """A relay that no other door is for is told as well."""
    invited = net.invite(relay="hub")
    go_round(net.file, relay.call, now=NOW)
    refuse(net.file, invited.invitation.identifier, "nas", now=NOW)
    go_round(net.file, relay.call, now=NOW)
    assert relay.files.passes() == {}


def test_what_a_relay_prints_before_it_answers_is_left_out() -> None:
    assert parsed(b'motd\n{"kept": true}') == {"kept": True}
    with pytest.raises(NodeError):
        parsed(b"motd")
