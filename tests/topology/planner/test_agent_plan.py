"""What an agent may change is a part of the plan, and no more than that."""

from __future__ import annotations

from meshc.prefixes import Prefix
from tests.support import specs
from tests.support.healing import healing_plan, nodes


def test_a_leaf_moves_all_that_its_home_has_and_keeps_its_order() -> None:
    leaf = healing_plan().nodes["a"]
    assert leaf.agent is not None
    assert leaf.agent.order == ("r1", "r2")
    table = {peer.name: peer.allowed_ips for peer in leaf.peers}
    assert leaf.agent.moving == table["r1"]
    assert table["r2"] == (), "the session of the one that stands by owns nothing"


def test_a_relay_knows_of_every_leaf_what_belongs_to_it_and_where_it_lives() -> None:
    for relay in ("r1", "r2"):
        agent = healing_plan().nodes[relay].agent
        assert agent is not None
        found = {leaf.node.name: (leaf.home, leaf.linked) for leaf in agent.leaves}
        assert found == {"a": ("r1", True), "b": ("r2", True), "phone": ("r1", True)}
        assert [leaf.node.name for leaf in agent.leaves if not leaf.agent] == ["phone"]
        (own,) = (leaf.prefixes for leaf in agent.leaves if leaf.node.name == "a")
        assert Prefix.parse("192.168.7.0/24") in own
        assert len(own) == 2


def test_who_does_not_take_part_has_no_plan() -> None:
    assert healing_plan().nodes["phone"].agent is None
    plan = specs.plan(specs.spec([node for node in nodes() if node.name != "r2"]))
    assert all(node.agent is None for node in plan.nodes.values())


def test_every_pair_is_delivered_over_the_two_homes_as_compiled() -> None:
    """Each entry of a relay for a leaf of the other is on that other relay."""
    plan = healing_plan()
    tables = {
        name: {peer.name: peer.allowed_ips for peer in node.peers}
        for name, node in plan.nodes.items()
    }
    own = {name: Prefix(*node.addresses[0].host) for name, node in plan.nodes.items()}
    assert any(prefix.contains(own["b"]) for prefix in tables["r1"]["r2"])
    assert any(prefix.contains(own["a"]) for prefix in tables["r2"]["r1"])
    assert tables["r1"]["b"] == tables["r2"]["a"] == ()
