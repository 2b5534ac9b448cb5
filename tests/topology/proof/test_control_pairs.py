"""Policies leave open what agents say to each other, to exactly those who have to say it."""

from __future__ import annotations

import re
from itertools import permutations

import pytest

from meshc.prefixes import Prefix
from meshc.topology.obligations.control_channel import probe_address
from meshc.topology.proof.control_pairs import control_pairs
from meshc.topology.proof.peer_table import read_peer_table
from tests.support.policy_networks import PolicyNetwork, policy_network, recounted

TEXT = """
meshc: 1
network: {name: n, addresses: [10.44.0.0/24], agent: true}
nodes:
  r1: {role: relay, endpoint: 203.0.113.1}
  r2: {role: relay, endpoint: 203.0.113.2, exit_node: true}
  a: {nat: port_restricted, via: [r1], routes: [192.168.7.0/24]}
  b: {nat: port_restricted, via: [r2]}
  c: {nat: port_restricted, via: [r1]}
  d: {nat: port_restricted, exit: r2, dns: 9.9.9.9}
  phone: {nat: symmetric, via: [r2], platform: ios}
policies:
  - {from: a, to: b, allow: [tcp/22, icmp]}
  - {from: c, to: [phone, b], allow: tcp/80}
  - {from: d, to: internet}
"""
FAULTS = ("E431", "E432", "W443")


@pytest.fixture(scope="module")
def network() -> PolicyNetwork:
    return policy_network(TEXT)


def said(network: PolicyNetwork, files: dict[str, str]) -> list[str]:
    return [f"{f.code} {f.message}" for f in network.proof(files).findings if f.code in FAULTS]


def changed(network: PolicyNetwork, node: str, old: str, new: str) -> list[str]:
    files = network.files()
    text, times = re.subn(old, new, files[node])
    assert times, f"{old} is not in {files[node]}"
    return said(network, files | {node: recounted(text)})


def talking(network: PolicyNetwork) -> set[tuple[str, str]]:
    """(who hears, whom) by the plan alone: a leaf its relays and partners, a relay its leaves and
    the other relays, nobody a node without an agent."""
    pairs = set()
    for one, other in permutations(network.plan.nodes, 2):
        agents = [network.plan.nodes[name].agent for name in (one, other)]
        if None in agents:
            continue
        relays = [network.spec.nodes[name].is_relay for name in (one, other)]
        peer = {p.name: p for p in network.plan.nodes[one].peers}.get(other)
        if peer is not None and (any(relays) or peer.maybe):
            pairs.add((one, other))
    return pairs


def test_rules_and_proof_know_the_same_pairs(network: PolicyNetwork) -> None:
    files = [network._read(name, text) for name, text in network.files().items()]
    found = control_pairs(read_peer_table(files, network.expected()))
    probe = {name: probe_address(node.public_key) for name, node in network.plan.nodes.items()}
    wanted: dict[str, set[Prefix]] = {}
    for one, other in talking(network):
        wanted.setdefault(one, set()).add(probe[other])
    assert found == {name: tuple(sorted(some)) for name, some in wanted.items()}
    for name, node in network.plan.nodes.items():
        agents = node.agent.spoken_to if node.agent is not None else ()
        assert agents == found.get(name, ()), name
    assert {("a", "b"), ("a", "r1"), ("a", "r2"), ("r1", "r2"), ("b", "c")} <= talking(network)
    assert ("a", "c") not in talking(network), "the policies keep them apart"
    assert "phone" not in found
    assert said(network, network.files()) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(r"#ip6tables -A MESHC-AGT-%i -s .*\n", "", id="iptables: nobody is heard"),
        pytest.param(r"(MESHC-AGT-%i -s )\S+", r"\1fe80::1/128", id="iptables: somebody else is"),
        pytest.param(r"(-p udp --dport )51819", r"\g<1>51818", id="iptables: another port"),
        pytest.param(r"MESHC-AGT-%i -j DROP", "MESHC-AGT-%i -j RETURN", id="iptables: everybody"),
        pytest.param(r"(MESHC-IN-%i -s fe80::/10 .*) -g MESHC-AGT-%i", r"\1 -j RETURN",
                     id="iptables: the chain is not asked"),
        pytest.param(r"(ip6 saddr )\{ [^}]* \}( ip6 daddr \.)", r"\1{ fe80::1 }\2",
                     id="nftables: somebody else is heard"),
        pytest.param(r"(fe80::/10 \. udp \. 51819)", r"\1-51820", id="nftables: one port more"),
        pytest.param(r"ip6 saddr \{ [^}]* \} (ip6 daddr \. )", r"\1", id="nftables: everybody"),
        pytest.param(r"(\. )udp( \. 51819)", r"\1tcp\2", id="nftables: another protocol"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("node", ["a", "r1"])
def test_a_channel_that_is_not_as_it_must_be_is_found(
    network: PolicyNetwork, node: str, old: str, new: str
) -> None:
    assert changed(network, node, old, new)


def test_a_relay_that_may_not_answer_of_its_own_is_found(network: PolicyNetwork) -> None:
    """What it sends is held to the policies; it tells leaves of each other unasked."""
    for old in (r"#ip6tables -A MESHC-OUT-%i -s fe80.*\n", r'#nft oifname "%i" ip6 saddr fe80.*\n'):
        found = changed(network, "r1", old, "")
        assert found
        assert re.fullmatch(
            r"E432 r1 drops \S+ → the agent of \S+ udp/51819 out of itself \(as \S+ loads the "
            "rules\\), which moves nodes when a relay is dead",
            found[0],
        )


def test_a_network_that_nobody_heals_opens_nothing() -> None:
    network = policy_network(TEXT.replace(", agent: true", ""))
    files = network.files()
    assert not any("51819" in text or "fe80" in text for text in files.values())
    assert said(network, files) == []


ONE_RELAY = """
meshc: 1
network: {name: n, addresses: [10.44.0.0/24], agent: true}
nodes:
  r1: {role: relay, endpoint: 203.0.113.1}
  a: {nat: port_restricted}
  c: {nat: port_restricted}
policies:
  - {from: a, to: c, allow: tcp/22}
"""


def test_one_relay_and_a_pair_that_may_meet_is_enough() -> None:
    network = policy_network(ONE_RELAY)
    files = network.files()
    assert said(network, files) == []
    assert "51819" in files["a"]
    alone = policy_network(ONE_RELAY.replace("from: a, to: c", "from: a, to: r1"))
    assert not any("51819" in made for made in alone.files().values())
    assert said(alone, alone.files()) == []
