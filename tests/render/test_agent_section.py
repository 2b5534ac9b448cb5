"""The section of node.json is what the agent reads back."""

from __future__ import annotations

import json
from pathlib import Path

from meshc.render.agent_section import agent_section
from tests.support.healing import compiled, healing_plan, number, punching_plan


def test_what_is_written_is_what_an_agent_reads(tmp_path: Path) -> None:
    for name in ("a", "b", "r1", "r2"):
        plan = healing_plan().nodes[name].agent
        assert plan is not None
        read = compiled(name, tmp_path)
        assert read.probe == plan.probe
        assert [read.names[relay] for relay in read.roster.relays] == [r.name for r in plan.relays]
        assert tuple(read.names[relay] for relay in read.roster.order) == plan.order
        assert read.moving == plan.moving
        assert {read.names[leaf]: p for leaf, p in read.prefixes.items()} == {
            leaf.node.name: leaf.prefixes for leaf in (*plan.leaves, *plan.partners)
        }
        assert read.is_relay == (name in ("r1", "r2"))
    assert number("a") in compiled("r1", tmp_path).roster.linked


def test_partners_are_read_with_who_calls_first(tmp_path: Path) -> None:
    calls = []
    for name, other in ("ab", "ba"):
        read = compiled(name, tmp_path, punching_plan())
        (partner,) = read.roster.partners
        assert read.names[partner] == other
        assert read.prefixes[partner]
        assert partner in read.spoken_to
        calls.append(read.roster.partners[partner])
    assert sorted(calls) == [False, True]


def test_nothing_in_it_is_secret() -> None:
    plan = healing_plan().nodes["r1"].agent
    assert plan is not None
    text = json.dumps(agent_section(plan)).lower()
    assert "private" not in text
    assert "preshared" not in text
