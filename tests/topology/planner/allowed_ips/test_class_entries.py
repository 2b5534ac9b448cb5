"""Class entries: many classes in step get what each gets by itself."""

from __future__ import annotations

import random
from unittest.mock import patch

import pytest
from hypothesis import given, settings

from meshc.diagnostics import Diagnostics
from meshc.topology.language.spec import Nat, Spec
from meshc.topology.planner.addressing.allocation import allocate
from meshc.topology.planner.addressing.lock_text import Lock
from meshc.topology.planner.allowed_ips import class_entries, plain_tables
from meshc.topology.planner.allowed_ips.class_entries import ClassEntries
from meshc.topology.planner.allowed_ips.peer_prefixes import PeerTables
from meshc.topology.planner.links.mesh_graph import build_graph
from meshc.topology.planner.routing.routing import build_routing
from tests.support import specs
from tests.support.networks import networks
from tests.support.specs import node


def both_ways(spec: Spec, together: int) -> ClassEntries | None:
    """Compares all tables; returns what made the one side of them."""
    graph = build_graph(spec, Diagnostics())
    allocation = allocate(spec, graph, Lock(), Diagnostics())
    routing = build_routing(graph, allocation.addresses)
    with (
        patch.object(plain_tables, "MANY", 0),
        patch.object(class_entries, "_TOGETHER", together),
    ):
        in_step, one_by_one = PeerTables(routing, allocation), PeerTables(routing, allocation)
        one_by_one._classes = None
        for viewer in range(len(spec.nodes)):
            assert in_step.special(viewer) == one_by_one.special(viewer)
    return in_step._classes


@settings(deadline=None)
@given(networks(most=10))
def test_any_network(spec: Spec) -> None:
    both_ways(spec, 2)


@pytest.mark.parametrize(("relays", "near"), [(3, 2), (6, 3), (12, 10)])
@pytest.mark.parametrize("pools", ["10.0.0.0/20 fd44::/64", "10.0.0.0/24"])
def test_leaves_that_choose(relays: int, near: int, pools: str) -> None:
    dice = random.Random(relays)
    names = [f"r{n}" for n in range(relays)]
    nodes = [node(r, relay=True, endpoint=f"192.0.2.{n + 1}") for n, r in enumerate(names)]
    nodes += [
        node(f"leaf{n:02}", nat=Nat.SYMMETRIC, via=tuple(dice.sample(names, near)))
        for n in range(60)
    ]
    spec = specs.spec(nodes, pools=pools)
    made = both_ways(spec, 7)
    assert made is not None
    assert len({class_ for class_ in made._routing.class_of if class_ >= 0}) > near
