"""Endpoints that nobody can use, or that lead back into the tunnel."""

from __future__ import annotations

from meshc.topology.language.spec import Nat, SiteSpec
from meshc.topology.planner.checks.endpoint_use import check_endpoint_use
from tests.support import specs
from tests.support.findings import lines
from tests.support.specs import node


def test_a_filtered_endpoint() -> None:
    spec = specs.spec([node("a", endpoint="a.example", nat=Nat.PORT_RESTRICTED)])
    assert lines(check_endpoint_use, spec) == [
        "12 I206 the endpoint of 'a' serves only peers with a fixed endpoint of their own: its NAT "
        "is port_restricted"
    ]


def test_an_endpoint_outside_the_underlay() -> None:
    spec = specs.spec([node("a", endpoint=["198.51.100.1", "[2001:db8::1]"], underlay=(4,))])
    assert lines(check_endpoint_use, spec) == [
        "12 W208 [2001:db8::1]:51820 of 'a' is never used: `underlay` says that the node speaks no "
        "IPv6"
    ]


def test_an_endpoint_inside_the_pool_or_a_routed_lan() -> None:
    spec = specs.spec(
        [
            node("a", endpoint="10.44.0.1"),
            node("b", endpoint="192.168.1.7"),
            node("c", routes="192.168.0.0/16"),
        ]
    )
    assert lines(check_endpoint_use, spec) == [
        "12 E209 the endpoint 10.44.0.1 of 'a' lies inside 10.44.0.0/24 (the pool), which is "
        "routed into the tunnel",
        "22 E209 the endpoint 192.168.1.7 of 'b' lies inside 192.168.0.0/16 (behind 'c'), which is "
        "routed into the tunnel",
    ]


def test_two_nodes_behind_one_forwarded_port() -> None:
    spec = specs.spec([node("a", endpoint="home.example"), node("b", endpoint="HOME.example")])
    assert lines(check_endpoint_use, spec) == [
        "22 E215 'b' and 'a' both listen at HOME.example:51820 on the internet"
    ]


def test_two_nodes_at_one_lan_address() -> None:
    spec = specs.spec(
        [
            node("a", site="home", lan="192.168.1.5:4500"),
            node("b", site="home", lan="192.168.1.5", listen_port=4500),
            node("c", site="office", lan="192.168.1.5:4500"),
        ],
        sites=[SiteSpec("home"), SiteSpec("office")],
    )
    assert lines(check_endpoint_use, spec) == [
        "26 E215 'b' and 'a' both listen at 192.168.1.5:4500 at site 'home'"
    ]


def test_a_public_endpoint_inside_the_own_site() -> None:
    nodes = [node("server", site="home", endpoint="home.example"), node("pc", site="home")]
    spec = specs.spec(nodes, sites=[SiteSpec("home")])
    assert lines(check_endpoint_use, spec) == [
        "12 W216 'pc' calls 'server' at its public endpoint although both are at one site"
    ]


def test_public_servers_of_one_site_have_no_nat_to_turn_packets() -> None:
    nodes = [node(n, site="dc", endpoint=f"{n}.example", nat=Nat.NONE) for n in ("a", "b")]
    assert lines(check_endpoint_use, specs.spec(nodes, sites=[SiteSpec("dc")])) == []
