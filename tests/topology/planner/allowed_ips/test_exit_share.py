"""What an exit gets: all but the exceptions, as the fewest prefixes, and never what the network
has itself."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from meshc.prefixes import BITS, DEFAULT_V4, DEFAULT_V6, Prefix, address_text, without
from meshc.topology.language.spec import NodeSpec, Output, Platform, Spec
from meshc.topology.planner.allowed_ips.exit_share import hold_mark
from meshc.wg.conf import Conf
from tests.support import specs
from tests.support.random_exits import random_exits
from tests.support.random_topology import compiled, random_exceptions
from tests.support.specs import node

SEEDS = range(30)
ALL = (DEFAULT_V4, DEFAULT_V6)


def told(text: str) -> tuple[Prefix, ...]:
    return tuple(map(Prefix.parse, text.split()))


def sent(
    user: NodeSpec, *others: NodeSpec, pools: str = "10.44.0.0/24 fd44::/64"
) -> dict[str, tuple[Prefix, ...]]:
    """AllowedIPs of the user's file, by peer."""
    plan = specs.plan(specs.spec([user, *others], pools=pools))
    return {peer.name: peer.allowed_ips for peer in plan.nodes[user.name].peers}


def hub(endpoint: str = "hub.example") -> NodeSpec:
    return node("hub", relay=True, endpoint=endpoint, exit_node=True)


def user(written: str, **keys: object) -> NodeSpec:
    return node("pc", exit="hub", exit_except=told(written), **keys)


def peer_of(conf: Conf, address: Prefix) -> bytes | None:
    """Cryptokey routing, the slow way."""
    found = [
        (prefix.length, peer.public_key)
        for peer in conf.peers
        for prefix in peer.allowed_ips
        if prefix.contains(address)
    ]
    return max(found)[1] if found else None


def addresses(conf: Conf, spec: Spec, rng: random.Random) -> Iterator[Prefix]:
    """Both edges of everything that is written anywhere, what lies beside them, and some more."""
    edges = [p for peer in conf.peers for p in peer.allowed_ips]
    for one in spec.nodes.values():
        edges += [*one.exit_except, *one.routes]
    for prefix in edges:
        for value in (prefix.value - 1, prefix.value, prefix.last, prefix.last + 1):
            if 0 <= value < 1 << BITS[prefix.family]:
                yield Prefix(prefix.family, value, BITS[prefix.family])
    for family, bits in BITS.items():
        yield from (Prefix(family, rng.randrange(1 << bits), bits) for _ in range(20))


def inside(prefixes: tuple[Prefix, ...], address: Prefix) -> bool:
    return any(prefix.contains(address) for prefix in prefixes)


def test_every_address_goes_where_the_topology_says() -> None:
    """The network's own into the tunnel, exceptions beside it, all the rest to the exit."""
    seen = dict.fromkeys(("network", "beside", "exit"), 0)
    for seed in SEEDS:
        made = compiled(random_exits(random.Random(seed)))
        if made is None:
            continue
        analysis, files, expected, _ = made
        spec, confs = analysis.spec, {file.name: file.conf for file in files}
        for name, one in spec.nodes.items():
            if not one.exit_except or name not in confs:
                continue
            key = expected.nodes[one.exit or ""].public_key
            own = (*one.routes, *(spec.sites[one.site].lan if one.site else ()))
            doors = {e.host for n in spec.nodes.values() for e in n.endpoints}
            doors |= {n.lan_endpoint.host for n in spec.nodes.values() if n.lan_endpoint}
            lans = tuple(
                r for n in spec.nodes.values() if n is not one for r in n.routes if r not in own
            )
            for address in addresses(confs[name], spec, random.Random(seed)):
                if inside(own, address) or address.address in doors:
                    continue
                peer = peer_of(confs[name], address)
                if inside((*spec.network.pools, *lans), address):
                    assert peer is not None, (seed, name, address)
                    seen["network"] += 1
                elif inside(one.exit_except, address):
                    assert peer is None, (seed, name, address)
                    seen["beside"] += 1
                else:
                    assert peer == key, (seed, name, address)
                    seen["exit"] += 1
    assert min(seen.values()) > 1000, seen


@pytest.mark.parametrize("seed", range(50))
def test_the_list_is_the_shortest_that_says_so(seed: int) -> None:
    """An exit alone, in a network whose pool is one of the exceptions: nothing else interferes."""
    words = [w for w in random_exceptions(random.Random(seed)) if "/" in w]
    wanted = told(" ".join(words))
    mine = sent(user(" ".join(words)), hub())["hub"]
    pools = told("10.44.0.0/24 fd44::/64")
    families = {prefix.family for prefix in wanted}
    for family in (4, 6):
        beside = [p for p in wanted if p.family == family and not inside(pools, p)]
        found = [p for p in mine if p.family == family]
        if family not in families or not beside:
            assert found == [Prefix(family, 0, 0)]
        else:
            # with the pool inside an exception its addresses are routed, else they are for the exit
            assert tuple(found) == without((Prefix(family, 0, 0),), without(beside, pools))


def test_the_pool_stays_in_the_tunnel_although_its_space_does_not() -> None:
    found = sent(user("10.0.0.0/8"), hub())["hub"]
    assert Prefix.parse("10.44.0.0/24") in found
    assert not any(p.overlaps(Prefix.parse("10.45.0.0/16")) for p in found)


def test_a_lan_of_the_network_stays_in_the_tunnel_although_its_space_does_not() -> None:
    nas = node("nas", routes="192.168.5.0/24")
    found = sent(user("192.168.0.0/16"), hub(), nas)["hub"]
    assert Prefix.parse("192.168.5.0/24") in found
    assert not any(p.overlaps(Prefix.parse("192.168.6.0/24")) for p in found)
    # an exception inside of such a LAN leaves no hole in it
    assert sent(user("192.168.5.128/25"), hub(), nas)["hub"] == ALL


@pytest.mark.parametrize("platform", list(Platform))
def test_endpoints_stay_out_where_wireguard_would_follow_its_own_routes(
    platform: Platform,
) -> None:
    found = sent(user("203.0.113.0/28", platform=platform), hub("198.51.100.7"))["hub"]
    kept_in = inside(found, Prefix.host("198.51.100.7"))
    assert kept_in is (platform in {Platform.IOS, Platform.ANDROID, Platform.WINDOWS})
    assert not inside(found, Prefix.host("203.0.113.1"))


def test_an_endpoint_needs_no_hole_in_a_family_that_goes_as_a_whole() -> None:
    """wg-quick keeps WireGuard's own packets out of a default route by a mark."""
    found = sent(user("2600::/12"), hub("198.51.100.7"))["hub"]
    assert DEFAULT_V4 in found


def test_the_app_of_windows_gets_halves_in_place_of_a_default_route() -> None:
    """One /0 makes it block everything that does not go into the tunnel."""
    found = sent(user("192.168.0.0/16", platform=Platform.WINDOWS), hub())["hub"]
    assert [p for p in found if p.family == 6] == list(told("::/1 8000::/1"))
    assert not any(p.length == 0 for p in found)
    # without an exception that is what is wanted
    assert sent(user("", platform=Platform.WINDOWS), hub())["hub"] == ALL


def test_no_part_is_as_long_as_the_route_of_the_own_lan() -> None:
    """`ip route add` refuses the same prefix twice, and a longer one would take the neighbours."""
    lan = Prefix.parse("192.168.1.0/24")
    for beside in ("192.168.0.0/24", "192.168.1.77", "192.168.1.128/25"):
        away = user(beside, routes=str(lan))
        found = sent(away, hub())["hub"]
        assert not any(p.overlaps(lan) and p.length >= lan.length for p in found), beside


def test_a_whole_family_can_stay_out() -> None:
    found = sent(user("::/0"), hub("[2001:db8::7]:51820"))["hub"]
    assert found == told("0.0.0.0/0 fd44::/64")


def test_exceptions_of_one_node_are_not_those_of_its_class() -> None:
    plan = specs.plan(
        specs.spec(
            [hub(), node("a", exit="hub"), user("10.0.0.0/8"), node("b", exit="hub")],
            pools="10.44.0.0/24",
        )
    )
    lists = {name: plan.nodes[name].peers[0].allowed_ips for name in ("a", "b", "pc")}
    assert lists["a"] == lists["b"] == ALL
    assert address_text(4, lists["pc"][0].value) == "0.0.0.0"
    assert lists["pc"][0].length == 5


@pytest.mark.parametrize(
    ("keys", "mark"),
    [
        ({}, 51820),
        ({"fwmark": 7}, 7),
        ({"platform": Platform.IOS}, None),
        ({"platform": Platform.WINDOWS}, None),
        ({"platform": Platform.MACOS}, None),
        ({"platform": Platform.OPENWRT}, None),
        ({"table": "off"}, None),
        ({"outputs": (Output.NETWORKMANAGER,)}, None),
        ({"outputs": (Output.NETWORKD,)}, 51820),
        ({"exit_except": told("10.0.0.0/8")}, None),
    ],
)
def test_without_ipv6_in_the_network_it_is_held_back_or_sent(
    keys: dict[str, object], mark: int | None
) -> None:
    """A host of Linux holds it back by rules; the others have no such means, and the route."""
    user = node("pc", exit="hub", **keys)
    spec = specs.spec([user, hub()], pools="10.44.0.0/24")
    assert hold_mark(spec, user) == mark
    parts = sent(user, hub(), pools="10.44.0.0/24")["hub"]
    inside = [part for part in parts if part.family == 6]
    assert without((DEFAULT_V6,), inside) == (() if mark is None else (DEFAULT_V6,))
    assert hold_mark(specs.spec([user, hub()], pools="10.44.0.0/24 fd44::/64"), user) is None
    assert hold_mark(spec, hub()) is None
