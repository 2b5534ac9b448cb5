"""The lines that load all rules of a node: of both tools, with one meaning."""

from __future__ import annotations

import random

import pytest

from meshc.render.firewall.loading import loading_hooks
from meshc.topology.language.spec import FirewallTool
from meshc.topology.proof.iptables_rule import OUTSIDE, TUNNEL, Flow
from meshc.topology.proof.netfilter import Firewall
from tests.support.policy_networks import policy_network
from tests.support.policy_oracle import random_policies

WAYS = [(TUNNEL, ""), ("", TUNNEL), (TUNNEL, TUNNEL), (OUTSIDE, TUNNEL), (TUNNEL, OUTSIDE)]
SERVICES = [("tcp", 22), ("tcp", 85), ("tcp", 100), ("udp", 53), ("icmp", 0), ("sctp", 0)]


@pytest.mark.parametrize("seed", range(8))
def test_both_texts_of_a_node_do_the_same(seed: int) -> None:
    rng = random.Random(seed)
    network = policy_network(random_policies(seed))
    addresses = [a for some in network.analysis.allocation.addresses.values() for a in some]
    addresses += [route for node in network.spec.nodes.values() for route in node.routes]
    for node in network.plan.nodes.values():
        if not node.firewall:
            continue
        lines = loading_hooks(node.firewall, FirewallTool.AUTO).pre_up
        one, other = (Firewall.read(lines, "wg0", nft=nft) for nft in (False, True))
        for _ in range(300):
            source, target = rng.choice(addresses), rng.choice(addresses)
            if source.family != target.family:
                continue
            flow = Flow(source.family, source.value, target.value + rng.randrange(2),
                        *rng.choice(WAYS), rng.random() < 0.3, *rng.choice(SERVICES))  # fmt: skip
            assert one.passing(flow)[0] == other.passing(flow)[0], (node.name, flow)
            assert one.masquerades(flow) == other.masquerades(flow)


def test_a_named_tool_has_the_line_to_itself() -> None:
    network = policy_network(random_policies(1))
    firewall = next(node.firewall for node in network.plan.nodes.values() if node.firewall)
    iptables, nft = (
        "\n".join(loading_hooks(firewall, tool).pre_up)
        for tool in (FirewallTool.IPTABLES, FirewallTool.NFTABLES)
    )
    assert "nft" not in iptables
    assert "iptables" not in nft
    assert "command -v" not in iptables


def test_rules_are_there_before_the_interface() -> None:
    network = policy_network(random_policies(1))
    hub = network.plan.nodes["hub"]
    hooks = loading_hooks(hub.firewall, FirewallTool.AUTO)
    assert "iptables-restore" in hooks.pre_up[-1]
    assert not any("MESHC" in line for line in hooks.post_up)
