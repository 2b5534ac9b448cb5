"""Policies in the emitted files: right ones hold, and planted faults are found in every dialect."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import pytest

from meshc.topology.proof.access_findings import AccessJudge
from tests.support.policy_networks import FAULTS as PLANTED
from tests.support.policy_networks import PolicyNetwork, policy_network, recounted, with_fault
from tests.support.policy_oracle import random_policies

TEXT = """
meshc: 1
network: {name: n, addresses: [10.44.0.0/24, "fd44::/64"]}
nodes:
  hub: {role: relay, endpoint: 198.51.100.1, exit_node: true}
  a: {endpoint: 198.51.100.2}
  b: {}
  nas: {routes: 192.168.7.0/24}
  phone: {platform: ios}
  guest: {exit: hub, dns: 9.9.9.9}
policies:
  - {from: b, to: a, allow: [tcp/22, icmp]}
  - {from: b, to: 192.168.7.5, allow: tcp/445}
  - {from: "nas:lan", to: a, allow: udp/53}
  - {from: a, to: phone, allow: tcp/80}
  - {from: guest, to: internet}
"""
FAULTS = ("E431", "E432", "E433", "W443")


@pytest.fixture(scope="module")
def network() -> PolicyNetwork:
    return policy_network(TEXT)


def said(network: PolicyNetwork, files: dict[str, str]) -> list[str]:
    return [f"{f.code} {f.message}" for f in network.proof(files).findings if f.code in FAULTS]


def changed(network: PolicyNetwork, node: str, old: str, new: str, *, count: int = 0) -> list[str]:
    """What is said when somebody rewrites a part of one file."""
    files = network.files()
    text, times = re.subn(old, new, files[node], count=count)
    assert times, f"{old} is not in {files[node]}"
    return said(network, files | {node: recounted(text)})


@pytest.mark.parametrize("seed", range(6))
def test_what_is_built_holds(seed: int) -> None:
    network = policy_network(random_policies(seed))
    assert said(network, network.files()) == []


def test_a_port_that_is_opened_in_one_dialect_is_found(network: PolicyNetwork) -> None:
    found = changed(network, "a", r"--dport 22 ", "--dport 22:23 ", count=1)
    assert found[0] == (
        "E431 a lets b → a tcp/23 come in (as iptables loads the rules), which no rule of "
        "`policies:` allows"
    )
    found = changed(network, "a", r"tcp \. 22\b", "tcp . 22-23", count=1)
    assert "tcp/23 come in (as nftables loads" in found[0]


def test_a_rule_that_is_dropped_is_found(network: PolicyNetwork) -> None:
    found = changed(network, "a", r"#\S+ -A MESHC-S\d+-%i -d \S+ -p tcp --dport 22 -j RETURN\n", "")
    assert found[0] == (
        "E432 a drops b → a tcp/22 come in (as iptables loads the rules), which the rule in line "
        "12 allows"
    )


def test_a_family_that_was_forgotten_is_found(network: PolicyNetwork) -> None:
    found = changed(network, "a", r"(?m)^PreUp = .*ip6tables-restore.*\n", "")
    assert any("E431" in text and "iptables loads" in text for text in found)


def test_the_relay_is_held_to_the_rules_as_well(network: PolicyNetwork) -> None:
    found = changed(network, "hub", r"-A MESHC-POL-%i -j DROP", "-A MESHC-POL-%i -j RETURN")
    assert any("E431 hub lets" in text and " through " in text for text in found)
    assert any("out of itself" in text for text in found)


def test_a_lan_that_is_opened_is_found(network: PolicyNetwork) -> None:
    found = changed(network, "nas", r"-d 192\.168\.7\.5/32", "-d 192.168.7.4/31")
    assert "E431 nas lets b → 192.168.7.4 tcp/445" in " ".join(found)


def test_a_router_that_cannot_be_reached_in_its_lan_is_found(network: PolicyNetwork) -> None:
    """Its own address there is one of the LAN, whichever it is."""
    found = changed(network, "nas", r"#iptables -A MESHC-IN-%i -d 192\.168\.7\.0/24 .*\n", "")
    assert found[0].startswith("E432 nas drops b → 192.168.7.5 tcp/445 come in")


def test_accept_in_the_place_of_return_is_no_more_than_allowed_but_skips_the_rest(
    network: PolicyNetwork,
) -> None:
    """ACCEPT in a sender's chain passes by the rules behind it, such as those of the host."""
    files = network.files()
    text = files["hub"].replace("-j RETURN", "-j ACCEPT")
    assert said(network, files | {"hub": text}) == []


def test_a_rule_that_nobody_understands_is_named(network: PolicyNetwork) -> None:
    found = changed(network, "a", r"-A MESHC-POL-%i -j DROP",
                    "-A MESHC-POL-%i -m limit --limit 1/s -j DROP")  # fmt: skip
    assert any(text.startswith("W443 whether a lets") for text in found)


def test_a_phone_that_is_linked_to_who_may_not_send_it_everything(network: PolicyNetwork) -> None:
    files = network.files()
    key = network.plan.nodes["phone"].public_key
    address = network.plan.nodes["phone"].addresses[0].address
    files["a"] += f"\n[Peer]\nPublicKey = {key}\nAllowedIPs = {address}/32\n"
    assert any(text.startswith("E433 nobody keeps a from") for text in said(network, files))


@pytest.mark.parametrize("seed", range(8))
def test_a_random_fault_is_found(seed: int) -> None:
    """An element or a rule is lost, moved, or widened, in one dialect of one node."""
    rng = random.Random(seed)
    network = policy_network(random_policies(seed))
    files = network.files()
    assert said(network, files) == []
    for _ in range(3):
        node = rng.choice(sorted(files))
        broken = _break(files[node], rng)
        if broken is not None:
            assert said(network, files | {node: broken}), (node, broken)


def _break(text: str, rng: random.Random) -> str | None:
    pattern, new = rng.choice(PLANTED)
    places = [*re.finditer(pattern, text)]
    return with_fault(text, rng.choice(places), new) if places else None


def company(seed: int) -> PolicyNetwork:
    """Groups of leaves that only their addresses tell apart."""
    rng = random.Random(seed)
    leaves = [f"n{n:02}" for n in range(12)]
    groups = {f"g{n}": leaves[n * 4 : n * 4 + 4] for n in range(3)}
    names = [*groups, "all", "n03"]
    return policy_network(
        {
            "meshc": 1,
            "network": {"name": "company", "addresses": "10.44.0.0/24"},
            "nodes": {
                "hub": {"role": "relay", "endpoint": "198.51.100.1"},
                **{name: {} for name in leaves},
            },
            "groups": groups,
            "policies": [
                {"from": rng.choice(names), "to": rng.choice(names), "allow": f"tcp/{port}"}
                for port in (22, 53, 80, 443)
            ],
        }
    )


@pytest.mark.parametrize("seed", range(2))
def test_nodes_that_are_alike_are_judged_as_each_by_itself(seed: int) -> None:
    """The same fault in all files: a judge that lets one node speak for others finds what a new
    judge for each node finds."""
    rng = random.Random(seed)
    network = company(seed)
    files = network.files()
    found = 0
    access = network.expected().obligations.access
    assert access is not None
    for old, new in (
        ("", ""),
        (r"(-s 10\.44\.0\.\d+)/32", r"\1/31"),
        (r"(-s 10\.44\.0\.\d+)/30", r"\1/29"),
        (r"-d 10\.44\.0\.\d+/32 -p tcp --dport 22 -j RETURN", "-j RETURN"),
        (rf"(10\.44\.0\.{rng.randrange(2, 14)}) : goto", r"\1-10.44.0.99 : goto"),
    ):
        spoiled = {name: re.sub(old, new, text) for name, text in files.items()}
        models = network.proof(spoiled).network.models.values()
        together = AccessJudge.of(access, network.expected())
        for model in models:
            if not model.facts.policies:
                continue
            alone = AccessJudge.of(access, network.expected())
            lonely = replace(model, like=None)
            expected = [*alone.excesses(lonely)]
            found += bool(expected)
            assert [*together.excesses(model)] == expected, (old, model.name)
    assert found
