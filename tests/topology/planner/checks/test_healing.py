"""Agents that help nobody are named, and so is what nobody has proven."""

from __future__ import annotations

from meshc.topology.planner.checks.healing import check_healing
from meshc.topology.planner.checks.relay_failures import check_failure
from tests.support import healing, specs
from tests.support.findings import lines
from tests.support.specs import node


def test_a_network_without_agents_has_nothing_to_say() -> None:
    relay = node("hub", relay=True, endpoint="hub.example")
    assert lines(check_healing, specs.spec([relay, node("a"), node("b")])) == []


def test_moves_that_the_proof_does_not_walk_are_named() -> None:
    assert lines(check_healing, specs.spec(healing.nodes())) == [
        "30 I231 2 nodes move to another relay by themselves; proven are the files, not what "
        "agents make of them"
    ]


def test_an_agent_that_can_move_nobody_is_named_with_the_reason() -> None:
    relay = node("hub", relay=True, endpoint="hub.example", agent=True)
    assert lines(check_healing, specs.spec([relay, healing.leaf("a")])) == [
        "20 W224 the agents cannot take over for a dead relay: there is no second relay"
    ]


def test_a_dead_relay_takes_those_along_for_whom_nobody_takes_over() -> None:
    """The phone of the network lives with r1 and has no agent."""
    (found,) = lines(check_failure, specs.spec(healing.nodes()))
    assert "without relay 'r1' 3 pairs lose each other" in found
    assert found.count("'phone'") == 3
    everybody = [one for one in healing.nodes() if one.name != "phone"]
    assert lines(check_failure, specs.spec(everybody)) == []
