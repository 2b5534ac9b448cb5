"""The roster is a value: two agents that were compiled alike are equal."""

from __future__ import annotations

import dataclasses

import pytest

from meshc.agent.core.roster import Roster


def test_a_roster_is_a_value_that_nobody_changes() -> None:
    one, same = Roster(1, (1, 2), leaves={5: 1}), Roster(1, (1, 2), leaves={5: 1})
    assert one == same
    with pytest.raises((AttributeError, dataclasses.FrozenInstanceError)):
        one.me = 2  # type: ignore[misc]
