"""MTUs from overheads, and the smallest on a bounced path."""

from __future__ import annotations

from hypothesis import given, settings

from meshc.diagnostics import Diagnostics
from meshc.topology.language.spec import NodeSpec, Spec
from meshc.topology.planner.links.mesh_graph import build_graph
from meshc.topology.planner.mtu import node_mtus
from meshc.topology.planner.routing.routing import build_routing
from tests.support import specs
from tests.support.networks import networks
from tests.support.specs import node


def mtus(nodes: list[NodeSpec], **network: int) -> dict[str, int]:
    spec = specs.spec(nodes, **network)
    routing = build_routing(build_graph(spec, Diagnostics()))
    return dict(zip(routing.graph.names, node_mtus(routing), strict=True))


def test_it_is_never_more_than_wg_quick_would_choose() -> None:
    """Its own count is 80 less than the route, for IPv4 too."""
    for endpoint in ("198.51.100.1", "hub.example", "[2001:db8::1]"):
        assert mtus([node("hub", endpoint=endpoint), node("a")]) == {"a": 1420, "hub": 1420}


def test_both_ends_count_from_the_narrower_way() -> None:
    """And nobody else: who does not talk to the narrow one has the whole."""
    nodes = [
        node("hub", endpoint="198.51.100.1"),
        node("a", uplink_mtu=1492),
        node("other", endpoint="198.51.100.2", direct=("hub",)),
    ]
    assert mtus(nodes) == {"a": 1412, "hub": 1412, "other": 1420}
    wide = [node("hub", endpoint="198.51.100.1", uplink_mtu=9000), node("a", uplink_mtu=9000)]
    assert mtus(wide) == {"a": 8920, "hub": 8920}


def test_the_file_wins() -> None:
    nodes = [node("hub", endpoint="198.51.100.1"), node("a", mtu=1300)]
    assert mtus(nodes) == {"a": 1300, "hub": 1420}
    assert mtus(nodes, mtu=1380) == {"a": 1300, "hub": 1380}


def test_bounced_packets_fit_the_relay() -> None:
    nodes = [
        node("hub", relay=True, endpoint="198.51.100.1", mtu=1280),
        node("a"),
        node("b", mtu=1400),
        node("server", endpoint="198.51.100.2"),
    ]
    assert mtus(nodes) == {"a": 1280, "b": 1400, "hub": 1280, "server": 1420}


@settings(deadline=None)
@given(networks(most=10))
def test_no_automatic_mtu_exceeds_a_relay_on_the_way(spec: Spec) -> None:
    routing = build_routing(build_graph(spec, Diagnostics()))
    made = dict(zip(routing.graph.names, node_mtus(routing), strict=True))
    for a in made:
        for b in made:
            for relay in (routing.path(a, b) or ())[1:-1]:
                assert made[a] <= made[relay]
