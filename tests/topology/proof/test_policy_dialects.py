"""Every dialect lets the same packets begin something, and those that the YAML says.

The emitted text of each node is read by the proof's parsers, and packets go through its chains one
after the other. The oracle has read the rules by itself; nothing here is a class or a grid.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any, NamedTuple

import pytest

from meshc.prefixes import BITS, Prefix
from meshc.topology.language.spec import NodeSpec
from meshc.topology.proof.iptables_rule import OUTSIDE, TUNNEL, Flow
from tests.support.policy_networks import PolicyNetwork, policy_network
from tests.support.policy_oracle import random_policies

SERVICES = [
    *(("tcp", port) for port in (21, 22, 23, 79, 80, 90, 91, 121, 9000)),
    *(("udp", port) for port in (52, 53, 54)),
    ("icmp", 0),
    ("sctp", 0),
]


class Place(NamedTuple):
    """Which packets a node decides about on one way."""

    way_in: str
    way_out: str
    sources: tuple[Prefix, ...]
    targets: tuple[Prefix, ...]


def places(network: PolicyNetwork, node: NodeSpec, family: int) -> Iterator[Place]:
    own = network.plan.nodes[node.name].addresses
    mine = tuple(a.host for a in own if a.family == family)
    lans = tuple(p for p in node.routes if p.family == family)
    others = tuple(
        a.host
        for other in network.plan.nodes.values()
        for a in other.addresses
        if a.family == family and other.name != node.name
    )
    far = tuple(
        p
        for other in network.spec.nodes.values()
        for p in other.routes
        if p.family == family and other.name != node.name
    )
    yield Place(TUNNEL, "", (*others, *far), mine)
    yield Place(TUNNEL, OUTSIDE, (*others, *far), lans)
    yield Place(OUTSIDE, TUNNEL, lans, (*others, *far))
    if node.is_relay:
        yield Place(TUNNEL, TUNNEL, (*others, *far), (*others, *far))


def of_platform(seed: int, platform: str) -> dict[str, Any]:
    tree = random_policies(seed)
    for node in tree["nodes"].values():
        node.setdefault("platform", platform)
    return tree


def somebody(prefixes: tuple[Prefix, ...], rng: random.Random) -> int:
    prefix = rng.choice(prefixes)
    edges = [prefix.value + step for step in (0, 5, 64, 127)]
    return min(rng.choice(edges), prefix.last)


@pytest.mark.parametrize("platform", ["linux", "openwrt", "routeros"])
@pytest.mark.parametrize("seed", [3, 5, 8, 11])
def test_every_packet_meets_what_the_rules_say(seed: int, platform: str) -> None:
    network = policy_network(of_platform(seed, platform))
    rng = random.Random(seed)
    passed = 0
    for name, text in network.files().items():
        node = network.spec.nodes[name]
        if not node.filters:
            continue
        model = network.model(name, text)
        for family in (4, 6):
            for place in places(network, node, family):
                for _ in range(60 if place.sources and place.targets else 0):
                    ends = somebody(place.sources, rng), somebody(place.targets, rng)
                    protocol, port = rng.choice(SERVICES)
                    flow = Flow(
                        family, *ends, place.way_in, place.way_out, protocol=protocol, port=port
                    )
                    texts = [str(ip_address(end.to_bytes(BITS[family] // 8))) for end in ends]
                    wanted = network.oracle.allows(*texts, protocol, port)
                    for firewall in model.firewalls:
                        reason, rule = firewall.passing(flow)
                        assert (reason is None) is wanted, (name, texts, protocol, port, rule)
                    passed += wanted
    assert passed
