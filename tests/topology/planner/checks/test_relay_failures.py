"""Relays on which everything hangs, against taking each away."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings

from meshc.diagnostics import Diagnostics
from meshc.topology.language.spec import Spec
from meshc.topology.planner.checks.relay_failures import Loss, _linked_classes, check_failure
from meshc.topology.planner.links.mesh_graph import MeshGraph, build_graph
from meshc.topology.planner.routing.articulation import connectivity
from meshc.topology.planner.routing.routing import Routing, build_routing
from tests.support import specs
from tests.support.findings import lines
from tests.support.networks import networks
from tests.support.policy_networks import policy_network
from tests.support.specs import node


def without(graph: MeshGraph, relay: int) -> Routing:
    """The same network with a relay that has lost all its links."""
    rows = tuple(
        () if i == relay else tuple(j for j in row if j != relay)
        for i, row in enumerate(graph.neighbours)
    )
    return build_routing(replace(graph, neighbours=rows))


@settings(deadline=None)
@given(networks(most=10))
def test_the_lost_pairs_are_those_without_a_path_when_the_relay_is_gone(spec: Spec) -> None:
    routing = build_routing(build_graph(spec, Diagnostics()))
    graph, whole = routing.graph, connectivity(routing)
    for relay in graph.relays:
        broken = without(graph, relay)
        expected = sorted(
            (a, b)
            for a in range(len(graph.names))
            for b in range(a + 1, len(graph.names))
            if relay not in (a, b)
            and routing.path(graph.names[a], graph.names[b])
            and broken.path(graph.names[a], graph.names[b]) is None
        )
        loss = Loss(routing, whole, connectivity(routing, without=relay), relay)
        assert expected == sorted(loss.pairs())
        assert len(expected) == loss.count(_linked_classes(routing))
        named = any(
            f"without relay '{graph.names[relay]}'" in line for line in lines(check_failure, spec)
        )
        assert named == bool(expected)


def test_one_relay_for_all() -> None:
    spec = specs.spec(
        [node("hub", relay=True, endpoint="hub.example"), node("a"), node("b"), node("c")]
    )
    assert lines(check_failure, spec) == [
        "10 W220 without relay 'hub' 3 pairs lose each other: 'a' and 'b', 'a' and 'c', 'b' and 'c'"
    ]


def test_two_relays_for_all() -> None:
    relays = [node(n, relay=True, endpoint=f"{n}.example") for n in ("r1", "r2")]
    assert lines(check_failure, specs.spec([*relays, node("a"), node("b")])) == []


def test_a_relay_that_nobody_needs() -> None:
    relays = [node(n, relay=n == "r", endpoint=f"{n}.example") for n in ("r", "s", "t")]
    assert lines(check_failure, specs.spec(relays)) == []


def test_whom_policies_keep_apart_loses_nothing() -> None:
    text = """
meshc: 1
network: {name: n, addresses: 10.44.0.0/24}
nodes:
  hub: {role: relay, endpoint: hub.example-vpn.dev}
  a: {}
  b: {}
  c: {}
policies:
  - {from: a, to: b, allow: tcp/22}
  - {from: all, to: hub}
"""
    found = [item.message for item in policy_network(text).findings if item.code == "W220"]
    assert found == ["without relay 'hub' 1 pair loses each other: 'a' and 'b'"]
    alone = text.replace("{from: a, to: b, allow: tcp/22}", "{from: hub, to: b}")
    assert "W220" not in {item.code for item in policy_network(alone).findings}
