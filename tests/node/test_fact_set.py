"""The questions that decisions ask of a machine's facts."""

from __future__ import annotations

from meshc.node.fact_set import FactSet
from meshc.node.system_values import LinkFact, RouteFact
from meshc.prefixes import Prefix

ALL_V4, ALL_V6 = Prefix(4, 0, 0), Prefix(6, 0, 0)
NET = Prefix.parse("10.9.0.0/16")


def test_of_several_ways_out_the_preferred_one_counts() -> None:
    slow, fast = RouteFact(ALL_V4, 254, "wlan0", 600), RouteFact(ALL_V4, 254, "eth0", 100)
    assert FactSet("wg0", routes=(slow, fast)).default_route(4) == fast
    assert FactSet("wg0", routes=(fast, slow)).default_route(4) == fast


def test_no_way_out_is_one_through_the_tunnel_or_another_table_or_family() -> None:
    """The tunnel's own packets would go in circles."""
    routes = (
        RouteFact(ALL_V4, 254, "wg0"),
        RouteFact(ALL_V4, 51820, "eth0"),
        RouteFact(Prefix(4, 0, 1), 254, "eth0"),
        RouteFact(ALL_V6, 254, "eth0"),
    )
    facts = FactSet("wg0", routes=routes)
    assert facts.default_route(4) is None
    assert facts.default_route(6) == routes[3]


def test_a_table_is_used_by_either_family_and_by_any_device() -> None:
    facts = FactSet("wg0", routes=(RouteFact(NET, 7, "eth0"), RouteFact(ALL_V6, 8, "wg0")))
    assert [facts.table_is_used(table) for table in (7, 8, 254)] == [True, True, False]


def test_own_routes_are_those_into_the_interface_with_their_tables() -> None:
    routes = (RouteFact(NET, 254, "wg0"), RouteFact(NET, 7, "wg0"), RouteFact(NET, 9, "wg1"))
    assert FactSet("wg0", routes=routes).own_routes() == {(NET, 254), (NET, 7)}


def test_the_mtu_of_a_device_that_is_not_there_is_unknown() -> None:
    facts = FactSet("wg0", links=(LinkFact("eth0", 2, "", 1400, True),))
    assert (facts.link_mtu("eth0"), facts.link_mtu("eth1")) == (1400, None)
