"""What is not as `meshc build` writes it is told, and never half read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from meshc.agent.compiled_roster import number_of, probe_of, read_roster
from meshc.errors import NodeError
from meshc.prefixes import Prefix
from tests.support.healing import compiled, number


def test_without_a_section_or_a_file_there_is_no_agent(tmp_path: Path) -> None:
    conf = tmp_path / "wg0.conf"
    assert read_roster(conf) is None
    (tmp_path / "node.json").write_text('{"interface": "wg0"}')
    assert read_roster(conf) is None
    (tmp_path / "node.json").write_text('{"interface": "wg1", "agent": {}}')
    assert read_roster(conf) is None, "it is about another interface"


@pytest.mark.parametrize(
    "section",
    [
        {},
        [],
        {"probe": "fe80::1"},
        {"probe": "nonsense", "relays": []},
        {"probe": "fe80::1", "relays": [{"name": "r", "probe": "fe80::2", "public_key": "short"}]},
        {"probe": "fe80::1", "relays": [], "order": ["nobody"]},
    ],
)
def test_what_no_build_writes_is_refused(tmp_path: Path, section: object) -> None:
    (tmp_path / "node.json").write_text(json.dumps({"interface": "wg0", "agent": section}))
    with pytest.raises(NodeError, match="says nothing that an agent understands"):
        read_roster(tmp_path / "wg0.conf")


def test_a_number_is_a_probe_address_and_back() -> None:
    assert probe_of(number_of(Prefix.host("fe80::12:34"))) == Prefix.host("fe80::12:34")


def test_a_leaf_speaks_to_relays_and_a_relay_to_all_that_are_linked(tmp_path: Path) -> None:
    relays = {number("r1"), number("r2")}
    assert set(compiled("a", tmp_path).spoken_to) == relays
    assert set(compiled("r1", tmp_path).spoken_to) == {number("r2"), number("a"), number("b")}
