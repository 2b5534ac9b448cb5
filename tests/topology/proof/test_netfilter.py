"""FORWARD chains and switches, as far as hook lines set them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.prefixes import Prefix
from meshc.topology.proof.expectation import NodeFacts
from meshc.topology.proof.iptables_rule import OUTSIDE, TUNNEL, Flow
from meshc.topology.proof.netfilter import Firewall
from meshc.topology.proof.node_model import NodeModel
from meshc.wg.conf import Conf

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
