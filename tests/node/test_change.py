"""Changes: written down whole, read back only when known, and wrapped the right way round."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from meshc.errors import StateError
from meshc.node.change import Change, Replaced, Reversed, from_record, kinds, to_record
from meshc.node.system import sysctl
from meshc.node.system.sysctl import SysctlSet
from tests.support.recorded_changes import CHANGES

MACHINE: Any = None


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: type(change).__name__)
def test_a_change_survives_being_json(change: Change) -> None:
    again = from_record(json.loads(json.dumps(to_record(change))))
    assert again == change
    assert hash(again) == hash(change), "lists came back as tuples"


def test_every_recorded_kind_is_covered_here() -> None:
    recorded = {name for name, kind in kinds().items() if kind.recorded}
    # others may have changes of their own, as tests do
    own = {name for name in recorded if kinds()[name].__module__.startswith("meshc.")}
    assert {type(change).__name__ for change in CHANGES} == own - {"Change"}


@pytest.mark.parametrize(
    "record",
    [
        {"kind": "Nonsense"},
        {"kind": "LinkSet", "interface": "wg0", "mtu": 1},
        {"kind": "RouteAdd", "interface": "wg0"},
        {"kind": "RouteAdd", "interface": "wg0", "prefix": "x", "table": 1, "more": 2},
        {},
    ],
)
def test_an_unknown_change_is_refused(record: dict[str, object]) -> None:
    with pytest.raises(StateError, match="cannot be read"):
        from_record(record)


def test_what_wraps_a_change_goes_its_way_or_the_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sysctl, "ROOT", tmp_path)
    setting = tmp_path / "setting"
    setting.write_text("2")
    old, new = SysctlSet("setting", "1", "0"), SysctlSet("setting", "2", "0")
    steps: list[tuple[Change, str, str]] = [
        (Reversed(new), "0", "2"),
        (Replaced(new, old), "2", "1"),
    ]
    for change, done, undone in steps:
        change.apply(MACHINE)
        assert setting.read_text() == done
        change.reverse(MACHINE)
        assert setting.read_text() == undone
