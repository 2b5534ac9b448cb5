from __future__ import annotations

import pytest

from meshc.lab.world.layout import lay_out
from meshc.lab.world.layout_options import LayoutOptions
from meshc.lab.world.places import LabWorld, Place, PlaceKind
from meshc.prefixes import Prefix
from meshc.topology.language.spec import Nat, NodeSpec
from tests.support.labs import a_spec, behind, endpoint, home


def addresses(place: Place, interface: str) -> list[str]:
    return [str(address) for name, address in place.addresses if name == interface]


def uplink_of(world: LabWorld, name: str) -> str:
    """The namespace at the other end of a node's or site's uplink."""
    return world.cable(world.uplinks[name]).left.place


def test_nodes_of_a_site_share_a_router_and_a_lan() -> None:
    spec = a_spec(
        behind("a", Nat.PORT_RESTRICTED, "home", lan_endpoint=endpoint("192.168.1.10")),
        behind("b", Nat.PORT_RESTRICTED, "home"),
        sites=(home(),),
    )
    world = lay_out(spec, {"a": 51820, "b": None})
    router = world.places["nat:home"]
    assert router.bridges["lan"] == ("p0", "p1")
    assert world.nat_of == {"a": "nat:home", "b": "nat:home"}
    assert "192.168.1.10/24" in addresses(world.places["a"], "eth0")
    assert "192.168.1.1/24" in addresses(router, "lan")
    assert world.public["a"][0] == world.public["b"][0]


def test_a_lone_node_behind_a_nat_gets_a_router_of_its_own() -> None:
    world = lay_out(a_spec(behind("a", Nat.SYMMETRIC)), {"a": None})
    assert world.nat_of["a"] == "nat:a"
    assert "masquerade fully-random" in world.places["nat:a"].rules


def test_a_port_forwarding_puts_a_router_in_front() -> None:
    """An endpoint whose port is not the one that the node listens on cannot be the node's own."""
    node = NodeSpec(name="nas", endpoints=(endpoint("198.51.100.7", 443),))
    world = lay_out(a_spec(node), {"nas": 51820})
    assert "198.51.100.7/32" in addresses(world.places["nat:nas"], "wan")
    assert "ip daddr 198.51.100.7 udp dport 443 dnat to" in world.places["nat:nas"].rules


def test_a_lan_host_sits_on_the_sites_lan_and_sends_to_its_router() -> None:
    lan = (Prefix.parse("192.168.1.0/24"),)
    spec = a_spec(behind("a", Nat.PORT_RESTRICTED, "home", routes=lan), sites=(home(),))
    world = lay_out(spec, {"a": None})
    (host,) = world.lan_hosts
    assert ("lan:a", "a", lan[0]) == host[:3]
    routes = world.places["lan:a"].routes
    assert [(str(r.prefix), r.asking) for r in routes] == [
        ("0.0.0.0/0", False),
        ("0.0.0.0/0", True),
    ]
    near = [a.address for _, a in world.places["a"].addresses if lan[0].contains(a.host)]
    assert [routes[1].via] == near, "who is told sends into the mesh"


def test_a_name_server_in_the_lan_of_a_site_has_the_address_that_the_file_says() -> None:
    """Even the one that the site's router would take; and the router of the mesh is known there
    only where it does not masquerade."""
    lan = (Prefix.parse("192.168.1.0/24"),)
    for masquerade in (True, False):
        node = behind("a", Nat.PORT_RESTRICTED, "home", routes=lan, masquerade=masquerade)
        other = behind("b", Nat.SYMMETRIC, dns=("192.168.1.1",))
        world = lay_out(a_spec(node, other, sites=(home(),)), {"a": None, "b": None})
        place = world.places["ns:192.168.1.1"]
        assert [str(a) for _, a in place.addresses] == ["192.168.1.1/24"]
        assert world.name_servers == {"ns:192.168.1.1": ("192.168.1.1",)}
        known = {str(route.prefix) for route in place.routes}
        assert ("10.44.0.0/24" in known) is not masquerade


def test_a_carrier_sits_between_a_site_and_the_internet() -> None:
    spec = a_spec(behind("a", Nat.FULL_CONE, "home"), sites=(home(),))
    world = lay_out(spec, {"a": None}, LayoutOptions(carrier=frozenset({"home"})))
    assert PlaceKind.CARRIER is world.places["cgnat:home"].kind
    assert uplink_of(world, "home") == "cgnat:home"


def test_a_member_without_a_nat_speaks_from_an_address_of_its_own() -> None:
    """Its neighbour is translated by the same router."""
    spec = a_spec(
        behind("open", Nat.NONE, "home"),
        behind("shut", Nat.PORT_RESTRICTED, "home"),
        sites=(home(),),
    )
    world = lay_out(spec, dict.fromkeys(spec.nodes, 51820))
    own = next(address for address in world.public["open"] if ":" not in address)
    assert f"{own}/32" in addresses(world.places["open"], "eth0")
    sources = {
        node: [r.source for r in world.places[node].routes if str(r.prefix) == "0.0.0.0/0"]
        for node in spec.nodes
    }
    assert sources["open"] == [own]
    assert sources["shut"][0] in {
        a.partition("/")[0] for a in addresses(world.places["shut"], "eth0")
    }
    assert world.public["shut"][0] != own
    assert Prefix.host(own) in {route.prefix for route in world.places["nat:home"].routes}


@pytest.mark.parametrize("count", [1, 5, 40])
def test_nobody_at_a_site_shares_an_address(count: int) -> None:
    """Nodes, the router, and a host for each prefix that is routed."""
    lan, half = Prefix.parse("192.168.1.0/24"), Prefix.parse("192.168.1.128/25")
    fixed = behind(
        "n0", Nat.SYMMETRIC, "home", lan_endpoint=endpoint("192.168.1.1"), routes=(lan, half)
    )
    others = [behind(f"n{number}", Nat.SYMMETRIC, "home") for number in range(1, count)]
    world = lay_out(
        a_spec(fixed, *others, sites=(home(),)), dict.fromkeys(f"n{n}" for n in range(count))
    )
    site = [p for p in world.places.values() if p.kind in (PlaceKind.NODE, PlaceKind.LAN)]
    ports = [(place, "eth0") for place in site] + [(world.places["nat:home"], "lan")]
    given = [address for place, interface in ports for address in addresses(place, interface)]
    assert len(given) == len(set(given))
    assert sum(address.startswith("192.168.1.") for address in given) == count + 3
    assert "192.168.1.1/24" in addresses(world.places["n0"], "eth0")
