"""Who asked, as it is shown: words of a stranger move no cursor."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshc.cli.views.enrolment_view import asked_lines, invitation_rows, show_invitations
from meshc.enrolment.enrolling import Received
from meshc.keys import fingerprint
from tests.support.enrolments import invitation, request


def test_a_stranger_says_nothing_to_the_terminal() -> None:
    odd = replace(request(), host="box\x1b[2J\nroot asks")
    asked = invitation().asked(odd)
    assert not isinstance(asked, str)
    lines = asked_lines(Received(asked[0], odd, asked[1]))
    assert all(line.isprintable() for line in lines)
    assert any(fingerprint(odd.public_key) in line for line in lines)


def test_who_finds_the_seat_taken_is_shown_beside_who_has_it() -> None:
    asked = invitation().asked(request())
    assert not isinstance(asked, str)
    text = "\n".join(asked_lines(Received(asked[0], request(machine="b"), None, "taken")))
    for machine in ("nas", "b"):
        assert fingerprint(request(machine=machine).public_key) in text


def test_rows_and_lines_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    one = invitation("web-1", "web-2")
    assert [row["node"] for row in invitation_rows([one])] == ["web-1", "web-2"]
    show_invitations([one])
    said = capsys.readouterr().out
    assert "web-1: invited" in said
    show_invitations([])
    assert "Nobody is invited." in capsys.readouterr().out
