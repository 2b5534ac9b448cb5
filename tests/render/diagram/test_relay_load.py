"""What each relay carries, and what becomes of its nodes, counted from the paths themselves."""

from __future__ import annotations

from pathlib import Path

from meshc.build.pipeline import plan_file
from meshc.render.diagram.picture import picture
from meshc.render.diagram.relay_load import relay_loads
from tests.support.company_network import company_file
from tests.support.plans import star


def test_a_load_is_the_pairs_whose_path_goes_through_it(tmp_path: Path) -> None:
    drawn = picture(plan_file(company_file(tmp_path, 40)))
    loads = relay_loads(drawn)
    for load in loads:
        pairs = [1 for a, b in drawn.bounced if load.node in (drawn.paths[a][b] or ())]
        assert load.carried == len(pairs)
        assert load.share == len(pairs) / len(drawn.bounced)
        assert load.fate == f"When it dies, {len(pairs):,} pairs have no way to each other."
    assert sorted(load.name for load in loads) == ["relay1", "relay2", "relay3"]
    assert [load.carried for load in loads] == sorted((one.carried for one in loads), reverse=True)


def test_with_agents_a_relay_says_where_its_nodes_go(tmp_path: Path) -> None:
    plan = plan_file(company_file(tmp_path, 40, agents=True))
    drawn = picture(plan)
    names = list(plan.nodes)
    for load in relay_loads(drawn):
        orders = [node.agent.order for node in plan.nodes.values() if node.agent is not None]
        going = [order[1] for order in orders if len(order) > 1 and order[0] == load.name]
        assert going, "everybody lives somewhere"
        for other in set(going):
            count = going.count(other)
            assert f"{count} node{'' if count == 1 else 's'} to {other}" in load.fate
    gateway = drawn.nodes[names.index("gw-berlin")]
    order = plan.nodes["gw-berlin"].agent
    assert order is not None
    home, *others = order.order
    assert f"lives on {home}, moves to {', then '.join(others)}" in gateway.notes


def test_one_relay_alone_carries_everything() -> None:
    (load,) = relay_loads(picture(star()))
    assert (load.name, load.carried, load.share) == ("public-server1", 3, 1.0)
