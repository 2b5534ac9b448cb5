from __future__ import annotations

from dataclasses import replace

from meshc.lab.world.layout import lay_out
from meshc.lab.world.places import LabWorld, Place
from meshc.prefixes import Prefix
from meshc.topology.language.spec import Expect, Nat, NodeSpec, Platform, TestSpec
from tests.support.labs import a_spec, behind, endpoint, home, relay

PORTS = {"relay": 51820}


def addresses(place: Place, interface: str) -> list[str]:
    return [str(address) for name, address in place.addresses if name == interface]


def uplink_of(world: LabWorld, name: str) -> str:
    """The namespace at the other end of a node's or site's uplink."""
    return world.cable(world.uplinks[name]).left.place


def test_a_public_node_has_the_very_addresses_of_its_endpoints() -> None:
    node = NodeSpec(name="relay", endpoints=(endpoint("198.51.100.7"), endpoint("2001:db8::7")))
    world = lay_out(a_spec(node), PORTS)
    assert addresses(world.places["relay"], "eth0") == ["198.51.100.7/32", "2001:db8::7/128"]
    routed = {str(route.prefix) for route in world.places["internet"].routes}
    assert {"198.51.100.7/32", "2001:db8::7/128"} <= routed
    assert uplink_of(world, "relay") == "internet"


def test_a_host_name_resolves_to_the_node_in_its_families() -> None:
    world = lay_out(a_spec(relay(underlay=(6,))), PORTS)
    (address,) = world.names["relay.example.com"]
    assert [f"{address}/128"] == addresses(world.places["relay"], "eth0")
    both = lay_out(a_spec(relay()), PORTS)
    assert both.public["relay"] == both.names["relay.example.com"]


def test_an_unknown_nat_is_played_as_the_strictest() -> None:
    world = lay_out(a_spec(behind("a", Nat.UNKNOWN)), {"a": None})
    assert "masquerade fully-random" in world.places["nat:a"].rules


def test_a_forwarded_name_resolves_to_ipv4_only() -> None:
    """IPv6 has no NAT that could turn port 443 into the one that the node listens on."""
    node = NodeSpec(name="nas", endpoints=(endpoint("nas.example.com", 443),))
    world = lay_out(a_spec(node), {"nas": 51820})
    assert [Prefix.host(address).family for address in world.names["nas.example.com"]] == [4]


def test_two_nodes_that_share_an_address_share_a_router() -> None:
    spec = a_spec(
        NodeSpec(name="a", nat=Nat.FULL_CONE, endpoints=(endpoint("198.51.100.7", 1001),)),
        NodeSpec(name="b", nat=Nat.FULL_CONE, endpoints=(endpoint("198.51.100.7", 1002),)),
    )
    world = lay_out(spec, {"a": 1001, "b": 1002})
    assert len(set(world.nat_of.values())) == 1
    rules = world.places[world.nat_of["a"]].rules
    assert "udp dport 1001 dnat" in rules
    assert "udp dport 1002 dnat" in rules


def test_without_masquerading_a_lan_host_knows_the_way_back() -> None:
    lan = (Prefix.parse("10.9.0.0/24"),)
    node = NodeSpec(name="a", endpoints=(endpoint("198.51.100.7"),), routes=lan, masquerade=False)
    world = lay_out(a_spec(node), {"a": 51820})
    untold = [route for route in world.places["lan:a"].routes if not route.asking]
    assert [str(route.prefix) for route in untold] == ["10.44.0.0/24"]
    assert addresses(world.places["a"], "lan0") == ["10.9.0.1/24"]


def test_and_the_way_to_the_lans_of_others() -> None:
    """They come with their own addresses: to hosts that do not know them no answer would get."""
    lans = [(Prefix.parse(text),) for text in ("10.9.0.0/24", "10.8.0.0/24", "10.0.0.0/8")]
    nodes = [
        NodeSpec(name=name, endpoints=(endpoint(f"198.51.100.{n}"),), routes=lan, masquerade=hides)
        for n, (name, lan, hides) in enumerate(zip("abc", lans, (False, True, True), strict=True))
    ]
    world = lay_out(a_spec(*nodes), dict.fromkeys("abc", 51820))
    known = {
        name: {str(r.prefix) for r in world.places[f"lan:{name}"].routes if not r.asking}
        for name in "abc"
    }
    assert {"10.44.0.0/24", "10.8.0.0/24"} <= known["a"]
    assert "10.0.0.0/8" not in known["a"], "its own LAN is a part of that"
    assert not known["b"] & {"10.44.0.0/24", "10.9.0.0/24"}


def test_a_router_speaks_to_each_single_host_from_an_address_of_its_own() -> None:
    hosts = tuple(Prefix.parse(text) for text in ("10.9.0.4/32", "10.8.0.4/32"))
    node = NodeSpec(name="a", endpoints=(endpoint("198.51.100.7"),), routes=hosts)
    other = NodeSpec(
        name="b", endpoints=(endpoint("198.51.100.8"),), routes=(Prefix.parse("10.7.0.4/32"),)
    )
    world = lay_out(a_spec(node, other), {"a": 51820, "b": 51820})
    own = [addresses(world.places["a"], "lan0"), addresses(world.places["a"], "lan1"),
           addresses(world.places["b"], "lan0")]  # fmt: skip
    assert len({address for some in own for address in some}) == 3


def test_resolvers_of_the_file_are_on_the_internet() -> None:
    world = lay_out(a_spec(relay(), dns=("1.1.1.1", "10.44.0.1")), PORTS)
    assert "1.1.1.1/32" in addresses(world.places["host"], "eth0")
    assert "10.44.0.1/32" not in addresses(world.places["host"], "eth0")
    world = lay_out(a_spec(relay(), dns=("10.20.30.40",)), PORTS)
    assert "10.20.30.40/32" not in addresses(world.places["host"], "eth0"), "nobody has it there"


def test_what_tests_ask_for_on_the_internet_is_there() -> None:
    tests = tuple(
        TestSpec(("relay",), (target,), Expect.REACHABLE)
        for target in ("9.9.9.0/24", "8.8.8.8/32", "0.0.0.0/0", "10.44.0.1/32")
    )
    world = lay_out(replace(a_spec(relay()), tests=tests), PORTS)
    own = world.hosts[0]
    assert world.beyond == {"9.9.9.0/24": "9.9.9.1", "8.8.8.8/32": "8.8.8.8", "0.0.0.0/0": own}
    assert {"9.9.9.1/32", "8.8.8.8/32"} <= set(addresses(world.places["host"], "eth0"))


def test_name_servers_in_a_lan_behind_a_node_are_the_host_there() -> None:
    """Its router takes another address."""
    node = behind("a", Nat.SYMMETRIC, routes=(Prefix.parse("172.20.0.0/24"),), dns=("172.20.0.1",))
    world = lay_out(a_spec(node), {"a": None})
    assert world.name_servers == {"lan:a": ("172.20.0.1",)}
    assert "172.20.0.1/24" in addresses(world.places["lan:a"], "eth0")
    assert addresses(world.places["a"], "lan0") == ["172.20.0.2/24"]


def test_nodes_that_take_no_part_are_left_out() -> None:
    world = lay_out(a_spec(relay(), NodeSpec(name="partner", managed=False)), PORTS)
    assert "partner" not in world.places
    assert list(world.absent) == ["partner"]


def test_the_same_file_gives_the_same_world() -> None:
    spec = a_spec(relay(), behind("a", Nat.SYMMETRIC, "home"), sites=(home(),))
    ports = {"a": None, "relay": 51820}
    assert lay_out(spec, ports) == lay_out(spec, dict(reversed(ports.items())))


def test_what_is_left_out_of_an_exit_has_a_host_on_the_internet_that_is_no_node() -> None:
    beside = ("198.51.100.0/24", "203.0.113.9/32", "192.168.0.0/16", "2001:db8:7::/48", "::/0")
    user = behind("pc", Nat.SYMMETRIC, exit="relay", exit_except=tuple(map(Prefix.parse, beside)))
    exit_ = NodeSpec(name="relay", endpoints=(endpoint("198.51.100.1"),), exit_node=True)
    world = lay_out(a_spec(user, exit_), {**PORTS, user.name: None})
    assert world.beyond == {
        "198.51.100.0/24": "198.51.100.2",
        "203.0.113.9/32": "203.0.113.9",
        "2001:db8:7::/48": "2001:db8:7::1",
    }
    assert {f"{a}/32" for a in ("198.51.100.2", "203.0.113.9")} <= set(
        addresses(world.places["host"], "eth0")
    )


def test_the_sockets_of_an_app_stay_out_of_a_list_that_holds_the_endpoint() -> None:
    beside = (Prefix.parse("203.0.113.0/24"),)
    exit_ = NodeSpec(name="relay", endpoints=(endpoint("198.51.100.1"),), exit_node=True)
    for platform, kept in ((Platform.IOS, True), (Platform.LINUX, False)):
        user = behind("pc", Nat.SYMMETRIC, exit="relay", exit_except=beside, platform=platform)
        world = lay_out(a_spec(user, exit_), {**PORTS, user.name: None})
        routes = {str(route.prefix): route for route in world.places[user.name].routes}
        assert ("198.51.100.1/32" in routes) is kept
        if kept:
            assert routes["198.51.100.1/32"].via == routes["0.0.0.0/0"].via


def test_the_way_to_the_internet_is_as_narrow_as_the_file_says() -> None:
    """For a lone node, and for a whole site by the narrowest of its nodes."""
    nodes = (
        relay(uplink_mtu=1480),
        NodeSpec(name="a", site="home", uplink_mtu=1492),
        NodeSpec(name="b", site="home"),
        NodeSpec(name="c"),
    )
    world = lay_out(a_spec(*nodes, sites=(home(),)), PORTS | dict.fromkeys("abc"))
    found = {cable.name: cable.shape.mtu for cable in world.cables}
    assert (found["relay"], found["home"], found["a"], found["c"]) == (1480, 1492, 0, 0)
