"""What lies around the nodes is the topology's word."""

from __future__ import annotations

import pytest

from meshc.prefixes import Prefix
from meshc.topology.language.spec import NodeSpec
from meshc.topology.obligations.whereabouts import Whereabouts

LAN, WIDE = Prefix.parse("192.168.7.0/24"), Prefix.parse("192.168.0.0/16")
AROUND = Whereabouts(
    addresses={"a": (Prefix.parse("10.1.0.1"), Prefix.parse("fd00::1")), "b": ()},
    sites={"a": "home", "b": "home", "c": "shop", "d": None},
    beside_site={"home": (LAN,), "shop": (LAN,)},
    pools=(Prefix.parse("10.1.0.0/24"),),
    lans=((LAN, "a"), (WIDE, "d")),
    exits={"b": "a"},
    domain="home.arpa",
)


def test_a_host_lies_behind_the_longest_route() -> None:
    assert AROUND.router(Prefix.parse("192.168.7.9")) == "a"
    assert AROUND.router(Prefix.parse("192.168.8.9")) == "d"
    assert AROUND.router(Prefix.parse("172.16.0.1")) is None


@pytest.mark.parametrize(("name", "beside"), [("a", True), ("b", True), ("c", False), ("d", False)])
def test_who_is_on_a_lan_is_beside_it_but_not_on_one_with_the_same_numbers(
    name: str, beside: bool
) -> None:
    assert AROUND.beside(name, Prefix.parse("192.168.7.9")) is beside


def test_a_lan_inside_of_the_lan_of_another_router_is_nested() -> None:
    assert AROUND.nested("d", Prefix.parse("192.168.7.9"))
    assert not AROUND.nested("d", Prefix.parse("192.168.8.9"))
    assert not AROUND.nested("a", Prefix.parse("192.168.7.9"))


@pytest.mark.parametrize(
    ("address", "out"),
    [("1.1.1.1", True), ("10.1.0.9", False), ("192.168.9.9", False), ("fe80::1", False)],
)
def test_an_exit_is_for_the_internet_alone(address: str, out: bool) -> None:
    assert AROUND.uses_exit("b", Prefix.parse(address)) is out
    assert not AROUND.uses_exit("c", Prefix.parse(address))


def test_a_name_server_by_name_is_all_addresses_of_that_node() -> None:
    node = NodeSpec(name="b", dns=("a", "a.home.arpa", "b", "9.9.9.9", "corp.example"))
    servers = [server.address for server in AROUND.name_servers(node)]
    assert servers == ["10.1.0.1", "fd00::1", "9.9.9.9"]
