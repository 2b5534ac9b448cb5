"""Random networks: relays, sites, NATs, families, routes, exits and restrictions."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from meshc.prefixes import Prefix
from meshc.topology.language.spec import DirectMode, LinkSpec, Nat, NodeSpec, Role, SiteSpec, Spec
from meshc.wg.endpoint import Endpoint
from tests.support import specs

NATS = st.sampled_from(list(Nat))
UNDERLAYS = st.sampled_from([(4, 6), (4, 6), (4,), (6,)])


@st.composite
def nodes(draw: st.DrawFn, number: int, names: list[str], relays: list[str]) -> NodeSpec:
    """One node of a network with these names."""
    name = names[number]
    public = name in relays or draw(st.integers(0, 3)) == 0
    choices = [
        Endpoint(f"198.51.100.{number + 1}", 51820),
        Endpoint(f"2001:db8::{number + 1:x}", 51820),
        Endpoint(f"{name}.example", 51820),
    ]
    endpoints = draw(st.permutations(choices).map(lambda c: tuple(c[: 1 + len(c) // 2])))
    site = draw(st.sampled_from([None, None, "home", "office"]))
    lan = Endpoint(f"192.168.1.{number + 1}", draw(st.sampled_from([0, 4500])))
    direct = draw(
        st.sampled_from([DirectMode.ALL] * 4 + [DirectMode.RELAYS, DirectMode.NONE])
        | st.lists(st.sampled_from(names), max_size=4, unique=True).map(tuple)
    )
    wide = ["172.20.0.0/16"] if number == 0 else []  # the LANs of all others lie inside it
    lans = st.sampled_from([f"172.20.{number}.0/24", *wide])
    routes = (Prefix.parse(draw(lans)),) if draw(st.integers(0, 3)) == 0 else ()
    return NodeSpec(
        name=name,
        role=Role.RELAY if name in relays else Role.PEER,
        site=site,
        nat=draw(NATS) if draw(st.booleans()) else Nat.UNKNOWN,
        endpoints=endpoints if public else (),
        lan_endpoint=lan if site and draw(st.booleans()) else None,
        underlay=draw(UNDERLAYS),
        routes=routes,
        via=draw(st.permutations(relays).map(tuple)) if relays and draw(st.booleans()) else (),
        direct=direct,
    )


@st.composite
def networks(draw: st.DrawFn, *, most: int = 9, exits: bool = True) -> Spec:
    """A whole network of two nodes or more; not every pair need be reachable, and an exit need
    not be a neighbour of its users."""
    count = draw(st.integers(2, most))
    names = [f"n{i}" for i in range(count)]
    relays = names[: draw(st.integers(0, min(4, count)))]
    members = [draw(nodes(i, names, relays)) for i in range(count)]
    pairs = st.lists(st.sampled_from(names), min_size=2, max_size=2, unique=True)
    links = [
        LinkSpec(a, b, draw(st.sampled_from([False, False, True, None])))
        for a, b in draw(st.lists(pairs, max_size=3, unique_by=frozenset))
    ]
    if exits and draw(st.booleans()):
        exit_ = draw(st.integers(0, count - 1))
        users = draw(st.lists(st.integers(0, count - 1), max_size=3, unique=True))
        members[exit_] = replace(members[exit_], exit_node=True)
        for user in set(users) - {exit_}:
            members[user] = replace(members[user], exit=names[exit_])
    return specs.spec(
        draw(st.permutations(members)),
        pools=draw(st.sampled_from(["10.44.0.0/24", "10.44.0.0/24 fd44::/64", "fd44::/64"])),
        sites=[SiteSpec("home"), SiteSpec("office")],
        links=links,
    )
