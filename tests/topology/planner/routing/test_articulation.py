"""Islands of relays, and relays that hold them together."""

from __future__ import annotations

from meshc.diagnostics import Diagnostics
from meshc.topology.language.spec import NodeSpec
from meshc.topology.planner.links.mesh_graph import build_graph
from meshc.topology.planner.routing.articulation import connectivity, critical_relays
from meshc.topology.planner.routing.routing import Routing, build_routing
from tests.support import specs
from tests.support.specs import node


def chain(*extra: NodeSpec) -> Routing:
    """Relays a - b - c in a row."""
    rows = {"a": ("b",), "b": ("a", "c"), "c": ("b",)}
    relays = [
        node(n, relay=True, endpoint=f"{n}.example", direct=(*near, *(e.name for e in extra)))
        for n, near in rows.items()
    ]
    return build_routing(build_graph(specs.spec([*relays, *extra]), Diagnostics()))


def test_one_island() -> None:
    assert connectivity(chain()).island_of == {0: 0, 1: 0, 2: 0}


def test_the_middle_of_a_chain_holds_it_together() -> None:
    assert connectivity(chain(), without=1).island_of == {0: 0, 2: 2}
    assert critical_relays(chain()) == (1,)


def test_a_leaf_does_not_join_relays() -> None:
    routing = chain(node("leaf", direct=("a", "c")))
    without = connectivity(routing, without=1)
    assert without.of_class(0) == {0, 2}
    assert without.of_relay(0) == {0}
    assert without.of_relay(1) == set()


def test_the_only_relay_of_a_leaf_is_critical() -> None:
    assert critical_relays(chain(node("leaf", direct=("a",)))) == (0, 1)


def test_relays_that_are_all_linked_hold_each_other() -> None:
    relays = [node(f"r{i}", relay=True, endpoint=f"r{i}.example") for i in range(4)]
    routing = build_routing(build_graph(specs.spec(relays), Diagnostics()))
    assert critical_relays(routing) == ()
    assert set(connectivity(routing, without=2).island_of.values()) == {0}
