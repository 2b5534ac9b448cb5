"""One address, two places."""

from __future__ import annotations

from meshc.prefixes import Prefix
from meshc.topology.language.spec import SiteSpec
from meshc.topology.planner.checks.overlaps import check_overlaps
from tests.support import specs
from tests.support.findings import lines
from tests.support.specs import node

LAN = Prefix.parse("192.168.1.0/24")


def test_a_prefix_routed_twice() -> None:
    spec = specs.spec([node("a", routes="192.168.1.0/24"), node("b", routes="192.168.1.0/24")])
    assert lines(check_overlaps, spec) == ["23 E210 'b' and 'a' both route 192.168.1.0/24"]


def test_a_route_inside_another() -> None:
    spec = specs.spec([node("a", routes="192.168.0.0/16"), node("b", routes="192.168.1.0/24")])
    assert lines(check_overlaps, spec) == [
        "23 W211 192.168.1.0/24 behind 'b' lies inside 192.168.0.0/16 behind 'a'"
    ]


def test_a_router_may_nest_its_own_routes() -> None:
    spec = specs.spec([node("a", routes="192.168.0.0/16 192.168.1.0/24 10.0.0.0/24")])
    assert lines(check_overlaps, spec) == []


def test_a_route_inside_a_pool() -> None:
    spec = specs.spec([node("a", routes="10.44.0.128/25")])
    assert lines(check_overlaps, spec) == [
        "13 E212 the route 10.44.0.128/25 of 'a' overlaps the pool 10.44.0.0/24"
    ]


def test_the_lan_of_a_site_inside_a_pool() -> None:
    spec = specs.spec([node("a")], pools="192.168.0.0/16", sites=[SiteSpec("home", lan=(LAN,))])
    assert lines(check_overlaps, spec) == [
        "- W213 the LAN 192.168.1.0/24 of site 'home' overlaps the pool 192.168.0.0/16"
    ]


def test_overlapping_pools() -> None:
    spec = specs.spec([node("a")], pools="10.44.0.0/16 10.44.3.0/24")
    assert lines(check_overlaps, spec) == ["3 E214 the pools 10.44.0.0/16 and 10.44.3.0/24 overlap"]


def test_the_same_numbers_at_home_and_at_the_office() -> None:
    spec = specs.spec(
        [node("router", site="home", routes="192.168.1.0/24"), node("pc", site="office")],
        sites=[SiteSpec("home", lan=(LAN,)), SiteSpec("office", lan=(LAN,))],
    )
    assert lines(check_overlaps, spec) == [
        "13 W219 nodes of site 'office' cannot reach 192.168.1.0/24 behind 'router': their own LAN "
        "is 192.168.1.0/24"
    ]


def test_a_relay_in_the_lan_of_another_router() -> None:
    spec = specs.spec(
        [
            node("router", site="home", routes="192.168.1.0/24"),
            node("hub", site="home", relay=True),
        ],
        sites=[SiteSpec("home", lan=(LAN,))],
    )
    assert lines(check_overlaps, spec) == [
        "13 W217 relay 'hub' is in the LAN 192.168.1.0/24 itself, so that it carries nobody to it "
        "through 'router'"
    ]
