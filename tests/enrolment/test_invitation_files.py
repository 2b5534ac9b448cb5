"""Invitations on disk: they come back, for their maker alone, and damage is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshc.enrolment.core.invitation import SeatState
from meshc.enrolment.invitation_files import InvitationFiles, invitation_for, reserved_names
from meshc.errors import StateError
from tests.support.enrolments import NOW, invitation, request


def test_an_invitation_comes_back_and_is_for_its_maker_alone(tmp_path: Path) -> None:
    store = InvitationFiles(tmp_path)
    asked = invitation("web-1", "web-2").asked(request())
    assert not isinstance(asked, str)
    store.put(asked[0])
    assert store.get(asked[0].identifier, NOW) == asked[0]
    path = store.path(asked[0].identifier)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert (path.parent / ".gitignore").read_text() == "*\n"


def test_time_makes_of_it_what_it_makes(tmp_path: Path) -> None:
    store = InvitationFiles(tmp_path)
    store.put(invitation())
    (late,) = store.all(NOW + 9999)
    assert [seat.state for seat in late.seats] == [SeatState.EXPIRED]
    assert list(reserved_names([late])) == []
    assert list(reserved_names(store.all(NOW))) == ["nas"]


def test_the_last_invitation_of_a_name_is_meant(tmp_path: Path) -> None:
    InvitationFiles(tmp_path).put(invitation())
    assert invitation_for(tmp_path, "nas", NOW) == invitation()
    with pytest.raises(StateError, match="nobody invited 'else'"):
        invitation_for(tmp_path, "else", NOW)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"meshc_invitation": 1}', "x" * 9])
def test_a_damaged_one_is_named(tmp_path: Path, content: str) -> None:
    store = InvitationFiles(tmp_path)
    store.put(invitation())
    store.path(invitation().identifier).write_text(content)
    with pytest.raises(StateError, match="is not an invitation"):
        store.all(NOW)


def test_none_is_none(tmp_path: Path) -> None:
    assert InvitationFiles(tmp_path).all(NOW) == []
    assert InvitationFiles(tmp_path).get("0" * 16, NOW) is None
