"""FORWARD chains and switches, as far as hook lines set them."""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.prefixes import Prefix, parse_address
from meshc.topology.proof.drop import LossReason
from meshc.topology.proof.expectation import NodeFacts
from meshc.topology.proof.iptables_rule import OUTSIDE, TUNNEL, Flow
from meshc.topology.proof.loaded_rules import LoadedText
from meshc.topology.proof.netfilter import Firewall
from meshc.topology.proof.node_model import NodeModel
from meshc.wg.conf import Conf
from tests.support.netns import Namespace, connect, namespaces, require

A, B, LAN = 0x0A2C0001, 0x0A2C0002, 0xC0A80105


def firewall(*lines: str) -> Firewall:
    return Firewall.read(lines, "wg0")


def relayed(fire: Firewall, *, established: bool = False) -> tuple[bool, str]:
    return fire.forwarding(Flow(4, A, B, TUNNEL, TUNNEL, established))


@pytest.mark.parametrize(
    "line",
    [
        "sysctl -w net.ipv4.ip_forward=1",
        "sysctl -q -w net.ipv4.ip_forward=1 || true",
        "sysctl -w net/ipv4/ip_forward=1",
        "/usr/sbin/sysctl net.ipv4.conf.all.forwarding=1",
        "echo 1 > /proc/sys/net/ipv4/ip_forward",
    ],
)
def test_the_switch_in_its_spellings(line: str) -> None:
    assert firewall(line).families == {4}
    assert firewall(line, "sysctl -w net.ipv4.ip_forward=0").families == set()


def test_the_ipv6_switch() -> None:
    assert firewall("sysctl -w net.ipv6.conf.all.forwarding=1").families == {6}


@pytest.mark.parametrize(
    ("lines", "accepted"),
    [
        ([], False),
        (["iptables -A FORWARD -i %i -j ACCEPT"], True),
        (["iptables -A FORWARD -i wg0 -j ACCEPT; iptables -A FORWARD -o wg0 -j ACCEPT"], True),
        (["iptables -A FORWARD -i wg+ -o %i -j ACCEPT"], True),
        (["iptables -A FORWARD -i eth0 -j ACCEPT"], False),
        (["iptables -A FORWARD ! -i eth0 -j ACCEPT"], True),
        (["iptables -A FORWARD ! -i %i -j ACCEPT"], False),
        (["ip6tables -A FORWARD -i %i -j ACCEPT"], False),
        (["iptables -A INPUT -i %i -j ACCEPT"], False),
        (["iptables -t nat -A FORWARD -i %i -j ACCEPT"], False),
        (["iptables -A FORWARD -i %i -p tcp -j ACCEPT"], False),
        (["iptables -A FORWARD -i %i -m limit --limit 5/s -j ACCEPT"], False),
        (["iptables -A FORWARD -i %i -p all -j ACCEPT"], True),
        (["iptables -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"], False),
        (["iptables -A FORWARD -m state --state NEW -j ACCEPT"], True),
        (["iptables -A FORWARD -j DROP", "iptables -A FORWARD -j ACCEPT"], False),
        (["iptables -A FORWARD -j DROP", "iptables -I FORWARD -j ACCEPT"], True),
        (
            [
                "iptables -A FORWARD -j DROP",
                "iptables -A FORWARD -j ACCEPT",
                "iptables -D FORWARD -j DROP",
            ],
            True,
        ),
        (["iptables -A FORWARD -s 10.44.0.0/24 -d 10.44.0.0/24 -j ACCEPT"], True),
        (["iptables -A FORWARD -s 10.44.0.2 -j ACCEPT"], False),
        (["iptables -A FORWARD ! -s 10.44.0.2 -j ACCEPT"], True),
        (["iptables -A FORWARD -s nonsense -j ACCEPT"], False),
        (
            [
                "iptables -N OWN",
                "iptables -A OWN -j RETURN",
                "iptables -A FORWARD -j OWN",
                "iptables -A FORWARD -j ACCEPT",
            ],
            True,
        ),
        (["iptables -N OWN", "iptables -A OWN -j ACCEPT"], False),
        (["iptables -N A", "iptables -A A -j A", "iptables -A FORWARD -j A"], False),
        (["iptables -A FORWARD -j ACCEPT", "iptables -F FORWARD"], False),
    ],
)
def test_what_is_accepted(lines: list[str], accepted: bool) -> None:
    assert relayed(firewall(*lines))[0] is accepted


def test_the_deciding_rule_is_told() -> None:
    fire = firewall("iptables -w -A FORWARD -i %i -s 10.44.0.1 -j REJECT")
    assert relayed(fire) == (False, "-i %i -s 10.44.0.1 -j REJECT")


def test_answers_are_let_in_by_state() -> None:
    fire = firewall("iptables -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")
    assert relayed(fire, established=True)[0]


WORDS = (
    "iptables ip6tables sysctl ip route rule add table lookup dev wg0 %i -A -I -D -N -F -X -t "
    "nat FORWARD POSTROUTING OWN 1 99 -1 -j ACCEPT DROP RETURN MASQUERADE -s -d -i -o ! -m "
    "conntrack --ctstate NEW, 10.0.0.0/8 fd00::/64 nonsense ; && || | > < $( ) ' \" $X ${Y} "
    "echo default net.ipv4.ip_forward=1 = -w /proc/sys/net/ipv4/ip_forward"
)
TOKENS = st.sampled_from(WORDS.split())


@given(st.lists(st.lists(TOKENS, max_size=12), max_size=4))
def test_any_hook_line_is_survived(lines: list[list[str]]) -> None:
    hooks = tuple(" ".join(words) for words in lines)
    fire = firewall(*hooks)
    relayed(fire)
    fire.masquerades(Flow(4, A, LAN, "", OUTSIDE))
    model = NodeModel(NodeFacts(name="n"), Conf(post_up=hooks, table="7"), None)
    model.route(4, A)


def test_masquerade_needs_its_way_out() -> None:
    fire = firewall("iptables -t nat -A POSTROUTING -s 10.44.0.0/24 ! -o %i -j MASQUERADE")
    assert fire.masquerades(Flow(4, A, LAN, "", OUTSIDE))
    assert not fire.masquerades(Flow(4, A, B, "", TUNNEL))
    assert not fire.masquerades(Flow(4, LAN, A, "", OUTSIDE))


def test_the_rules_that_meshc_writes(meshc_hooks: tuple[str, ...]) -> None:
    fire = firewall(*meshc_hooks)
    assert fire.families == {4, 6}
    assert relayed(fire)[0]
    assert fire.forwarding(Flow(4, A, LAN, TUNNEL, OUTSIDE))[0]
    assert fire.forwarding(Flow(4, LAN, A, OUTSIDE, TUNNEL))[0]
    assert fire.masquerades(Flow(4, A, LAN, "", OUTSIDE))
    elsewhere = Flow(4, A, 0x08080808, TUNNEL, OUTSIDE)
    assert not fire.forwarding(elsewhere)[0]


@pytest.fixture
def meshc_hooks() -> tuple[str, ...]:
    """The lines of the renderer for a relay with a LAN."""
    from meshc.render.firewall.iptables import forwarding_hooks
    from meshc.topology.language.spec import Platform
    from meshc.topology.planner.mesh_plan import Forwarding
    from meshc.topology.planner.policy.forwarding import firewall_of
    from tests.support.plans import star

    node = star().nodes["public-server1"]
    pools = (Prefix.parse("10.44.0.0/24"), Prefix.parse("fd44::/64"))
    forwarding = Forwarding((4, 6), pools, relay=True, lans=(Prefix.parse("192.168.1.0/24"),))
    hooks = forwarding_hooks(
        firewall_of(forwarding, node.peers, Platform.LINUX, pools),
    )
    return (*hooks.pre_up, *hooks.post_up)


@pytest.mark.parametrize(
    ("lines", "flow", "reason"),
    [
        (["iptables -A INPUT -i %i -j DROP"], Flow(4, A, B, TUNNEL, ""), LossReason.RULE),
        (["iptables -A INPUT -i eth0 -j DROP"], Flow(4, A, B, TUNNEL, ""), None),
        (["iptables -P INPUT DROP"], Flow(4, A, B, TUNNEL, ""), LossReason.RULE),
        (["iptables -A OUTPUT -o %i -j REJECT"], Flow(4, A, B, "", TUNNEL), LossReason.RULE),
        (["iptables -A INPUT -p tcp -j DROP"], Flow(4, A, B, TUNNEL, ""), LossReason.UNJUDGED),
        (
            ["iptables -A INPUT -i %i -j ACCEPT", "iptables -A INPUT -p tcp -j DROP"],
            Flow(4, A, B, TUNNEL, ""),
            None,
        ),
        (
            ["iptables -I FORWARD -j OF-THE-HOST"],
            Flow(4, A, B, TUNNEL, TUNNEL),
            LossReason.UNJUDGED,
        ),
        (["iptables -I FORWARD -j LOG"], Flow(4, A, B, TUNNEL, TUNNEL), LossReason.NO_RULE),
        (
            ["iptables -A FORWARD -j ACCEPT", "iptables -t nat -A POSTROUTING -j MASQUERADE"],
            Flow(4, A, B, TUNNEL, TUNNEL),
            LossReason.UNJUDGED,
        ),
        (
            ["iptables -A FORWARD -j ACCEPT", "nft flush ruleset"],
            Flow(4, A, B, TUNNEL, TUNNEL),
            LossReason.NO_RULE,
        ),
    ],
)
def test_what_becomes_of_a_packet(lines: list[str], flow: Flow, reason: LossReason | None) -> None:
    assert firewall(*lines).passing(flow)[0] is reason


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("iptables -t raw -A PREROUTING -i %i -j DROP", LossReason.RULE),
        ("iptables -t mangle -A PREROUTING -s 10.44.0.1 -j DROP", LossReason.RULE),
        ("iptables -t nat -A PREROUTING -d 10.44.0.2 -j NETMAP --to 10.9.0.0/24", "open"),
        ("iptables -t nat -A PREROUTING -d 10.44.0.3 -j NETMAP --to 10.9.0.0/24", None),
        ("iptables -t nat -A PREROUTING -p tcp -j REDIRECT --to-ports 80", "open"),
    ],
)
def test_what_becomes_of_it_before_its_route(line: str, reason: LossReason | str | None) -> None:
    wanted = LossReason.UNJUDGED if reason == "open" else reason
    assert firewall(line).entering(Flow(4, A, B, TUNNEL, ""))[0] is wanted
    answer = Flow(4, A, B, TUNNEL, "", established=True)
    assert firewall(line).entering(answer)[0] is (None if reason == "open" else wanted)


FAR, HERE, NEAR = "10.8.0.1", "10.8.0.2", "192.168.1.9"
RULES = (
    "iptables -A INPUT -i %i -j DROP",
    "iptables -I INPUT -s 10.8.0.0/30 -j ACCEPT",
    "iptables -P INPUT DROP",
    "iptables -A OUTPUT -o %i -d 10.8.0.1 -j DROP",
    "iptables -A OUTPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    "iptables -A FORWARD -i %i -j ACCEPT",
    "iptables -A FORWARD -o %i -j ACCEPT",
    "iptables -A FORWARD -o %i -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    "iptables -I FORWARD -i %i -m conntrack ! --ctstate ESTABLISHED -j DROP",
    "iptables -I FORWARD 1 ! -s 10.8.0.1 -j REJECT",
    "iptables -N OWN",
    "iptables -A OWN -d 192.168.1.9 -j ACCEPT",
    "iptables -A OWN -j RETURN",
    "iptables -A FORWARD -j OWN",
    "iptables -t raw -A PREROUTING -s 192.168.1.9 -j DROP",
    "iptables -t mangle -A FORWARD -o %i -j DROP",
    "iptables -t mangle -A POSTROUTING -d 10.8.0.1 -j DROP",
    "iptables -t mangle -A INPUT ! -i eth0 -j DROP",
    "iptables -F",
    "iptables -F FORWARD",
    "iptables -D FORWARD 1",
    "iptables -D INPUT -i %i -j DROP",
    "iptables -t nat -A PREROUTING -i %i -d 10.8.0.2 -j DNAT --to-destination 192.168.1.9",
    "iptables -A INPUT -p udp -j DROP",
)


def delivered(fire: Firewall, way_in: str, way_out: str, ends: tuple[str, str]) -> bool | None:
    """Whether a packet and its answer pass; None when that is not judged."""
    a, b = (int(parse_address(end)) for end in ends)
    result: bool | None = True
    for flow in (
        Flow(4, a, b, way_in, way_out),
        Flow(4, b, a, way_out, way_in, established=True),
    ):
        for judge in (fire.entering, fire.passing):
            reason, _ = judge(flow)
            if reason is LossReason.UNJUDGED:
                return None
            if reason is not None:
                result = False
                break
        if not result:
            break
    return result


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_packets_fare_as_the_proof_says() -> None:
    """Random rules in a real netfilter; the host drops what no rule forwards, as the proof does."""
    require("ip", "iptables", "ping")
    rng = random.Random(3)
    seen = set()
    with namespaces("far", "node", "near") as (far, node, near):
        connect(far, node, left_name="wg9", right_name="wg0")
        connect(node, near, left_name="eth0", right_name="eth9")
        far.shell(f"ip addr add {FAR}/24 dev wg9; ip route add default via {HERE}")
        node.shell(f"ip addr add {HERE}/24 dev wg0; ip addr add 192.168.1.2/24 dev eth0")
        node.shell("sysctl -qw net.ipv4.ip_forward=1")
        near.shell(f"ip addr add {NEAR}/24 dev eth9; ip route add default via 192.168.1.2")
        for _ in range(40):
            lines = rng.sample(RULES, rng.randint(1, 6))
            node.shell(_CLEAN)
            worked = [line for line in lines if _works(node, line)]
            fire = Firewall.read(worked, "wg0")
            for sender, ends, ways in (
                (far, (FAR, HERE), (TUNNEL, "")),
                (far, (FAR, NEAR), (TUNNEL, OUTSIDE)),
                (near, (NEAR, FAR), (OUTSIDE, TUNNEL)),
                (node, (HERE, FAR), ("", TUNNEL)),
            ):
                said = delivered(fire, *ways, ends)
                seen.add(said)
                if said is None:
                    continue
                done = sender.run("ping", "-c1", "-W0.3", "-n", ends[1], check=False)
                assert (done.returncode == 0) == said, (worked, ends)
    assert seen == {True, False, None}


_CLEAN = """
for table in filter nat mangle raw; do iptables -w -t $table -F; iptables -w -t $table -X; done
iptables -w -P INPUT ACCEPT; iptables -w -P OUTPUT ACCEPT; iptables -w -P FORWARD DROP
"""


def _works(node: Namespace, line: str) -> bool:
    return node.run(*line.replace("%i", "wg0").split(), check=False).returncode == 0


SIDES = ["10.0.0.1/32", "10.0.0.0/8", "fd00::/64", "10.0.0.1", "10.0.0.1,10.0.0.2", "010.0.0.1"]
BEHIND = [
    "-g MESHC-S0-%i",
    "-p tcp --dport 1:9 -j RETURN",
    "-j DROP > /dev/null",
    "! -i %i -o %i -j DROP",
    "-s 10.9.0.0/16 -j DROP",
    "-d 10.9.0.0/16,10.8.0.0/16 -j DROP",
    "! -d 10.9.0.0/16 -j DROP",
    "-m limit --limit 1/s -j ACCEPT",
    "  -j DROP",
    "10.0.0.7 -j DROP",
]


@pytest.mark.parametrize("behind", BEHIND)
def test_a_line_is_read_as_word_by_word(behind: str) -> None:
    """What stands behind the first side is read once for all; nobody sees a difference."""
    for flag in ("-s", "-d", "-i"):
        for side in SIDES:
            fire = firewall()
            words = f"{flag} {side} {behind}"
            fire.load(LoadedText(4, ("*filter", f"-A X {words}")))
            known = fire.chains[4, "filter", "X"]
            assert known == firewall(f"iptables -A X {words}").chains[4, "filter", "X"]
