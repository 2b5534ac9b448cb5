"""Every dialect accepts, refuses and hides the same flows, and those that the values say.

Each text is read by the proof's own parsers, and random packets are sent through: between the
tunnel, a LAN, the internet and a network that nobody named.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshc.prefixes import BITS, Prefix
from meshc.render.firewall import routeros, uci
from meshc.render.firewall.iptables import forwarding_hooks
from meshc.render.openwrt_script import openwrt
from meshc.render.routeros_script import routeros as routeros_script
from meshc.topology.language.spec import Platform
from meshc.topology.planner.mesh_plan import Forwarding
from meshc.topology.planner.policy.flow_rules import (
    Decision,
    FamilyRules,
    FlowState,
    ForwardRule,
    Side,
)
from meshc.topology.planner.policy.forwarding import firewall_of
from meshc.topology.proof import read_script
from meshc.topology.proof.netfilter import Firewall
from tests.support.keyed_plans import governed, mesh_plan, secrets_of, small_plan
from tests.support.packet_filter import (
    ACCEPT,
    DROP,
    GUEST,
    HOST,
    INTERFACES,
    LAN,
    TUNNEL,
    WAN,
    SentPacket,
    filtered,
    masqueraded,
)
from tests.support.random_forwarding import LANS, POOLS, forwardings

Rules = tuple[FamilyRules, ...]
ANSWERS = {Decision.ACCEPT: ACCEPT, Decision.DROP: DROP, Decision.HOST: HOST}
SIDES = {
    None: INTERFACES,
    Side.TUNNEL: (TUNNEL,),
    Side.WAN: (WAN,),
    Side.OUTSIDE: (LAN, WAN, GUEST),
}


def as_hooks(rules: Rules) -> Firewall:
    hooks = forwarding_hooks(rules)
    return Firewall.read((*hooks.pre_up, *hooks.post_up), "wg0")


def as_uci(rules: Rules) -> Firewall:
    lines = ["set network.wg0=interface", "set network.wg0.proto='wireguard'"]
    lines += uci.settings("wg0", 51820, rules)
    text = "\n".join(["uci batch <<'EOF'", *lines, "EOF"])
    return read_script(text, file="wg0.openwrt.sh").firewall


def as_routeros(rules: Rules) -> Firewall:
    lines = ['/interface/wireguard/set [find name="wg0"] mtu=1420']
    lines += routeros.commands("wg0", 51820, rules)
    return read_script("\n".join(lines), file="wg0.rsc").firewall


DIALECTS: dict[str, Callable[[Rules], Firewall]] = {
    "iptables": as_hooks,
    "uci": as_uci,
    "routeros": as_routeros,
}


def packets(family: int, rng: random.Random, count: int) -> list[SentPacket]:
    """Most at and around the edges of every prefix that may stand in a rule."""
    prefixes = (POOLS[family], *LANS[family])
    edges = [p.value for p in prefixes] + [p.last for p in prefixes]
    near = [edge + step for edge in edges for step in (-1, 0, 1)]

    def address() -> int:
        return rng.choice(near) if rng.random() < 0.9 else rng.getrandbits(BITS[family])

    return [
        SentPacket(family, address(), address(), rng.choice(INTERFACES), rng.choice(INTERFACES))
        for _ in range(count)
    ]


def said(rules: FamilyRules, packet: SentPacket) -> str:
    """The rule values, read one after the other."""
    for rule in rules.forward:
        applies = (
            rule.state is not FlowState.PUBLISHED
            and (rule.state is None or packet.answer)
            and packet.way_in in SIDES[rule.way_in]
            and packet.way_out in SIDES[rule.way_out]
            and holds(rule.source, packet.family, packet.source)
            and holds(rule.destination, packet.family, packet.target)
        )
        if applies:
            return {Decision.ACCEPT: ACCEPT, Decision.DROP: DROP, Decision.HOST: HOST}[
                rule.decision
            ]
    return HOST


def hidden(rules: FamilyRules, packet: SentPacket) -> bool:
    for rule in rules.nat:
        if packet.way_out in SIDES[rule.way_out] and any(
            holds(source, packet.family, packet.source)
            and holds(destination, packet.family, packet.target)
            for source, destination in rule.pairs()
        ):
            return rule.masquerade
    return False


def holds(prefix: Prefix | None, family: int, address: int) -> bool:
    return prefix is None or prefix.contains(Prefix(family, address, BITS[family]))


@settings(deadline=None, max_examples=60)
@given(forwarding=forwardings(), seed=st.integers(0, 10**9))
def test_all_dialects_say_what_the_values_say(forwarding: Forwarding, seed: int) -> None:
    rng = random.Random(seed)
    rules = firewall_of(forwarding, (), Platform.LINUX, forwarding.pools)
    read = {name: dialect(rules) for name, dialect in DIALECTS.items()}
    for one in rules:
        for packet in packets(one.family, rng, 40):
            expected = said(one, packet)
            for name, firewall in read.items():
                assert filtered(firewall, packet) == expected, (name, packet)
                if expected == ACCEPT:
                    # only an accepted packet has an answer
                    assert filtered(firewall, packet.back()) == ACCEPT, (name, packet.back())
                if packet.way_out in (TUNNEL, LAN, WAN):
                    assert masqueraded(firewall, packet) == hidden(one, packet), (name, packet)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_only_declared_lans_and_the_wan_are_open(dialect: str) -> None:
    """The faults that were: a whole zone, and every interface but the tunnel."""
    lan = Prefix.parse("192.168.1.0/24")
    source = POOLS[4].value + 2
    forwarding = Forwarding((4,), (POOLS[4],), lans=(lan,), exit=True, users=(POOLS[4],))
    firewall = DIALECTS[dialect](firewall_of(forwarding, (), Platform.LINUX, (POOLS[4],)))
    other = Prefix.parse("192.168.2.0/24")
    assert filtered(firewall, SentPacket(4, source, lan.value + 9, TUNNEL, LAN)) == ACCEPT
    assert filtered(firewall, SentPacket(4, source, other.value + 9, TUNNEL, LAN)) == DROP
    assert filtered(firewall, SentPacket(4, source, other.value + 9, TUNNEL, GUEST)) == DROP
    assert filtered(firewall, SentPacket(4, source, 0x01010101, TUNNEL, WAN)) == ACCEPT
    assert filtered(firewall, SentPacket(4, other.value + 9, 0x01010101, TUNNEL, WAN)) == DROP
    assert filtered(firewall, SentPacket(4, source, other.value + 9, TUNNEL, WAN)) == DROP
    assert filtered(firewall, SentPacket(4, source, source + 1, TUNNEL, TUNNEL)) == DROP
    assert filtered(firewall, SentPacket(4, other.value + 9, source, LAN, TUNNEL)) == HOST


@pytest.mark.parametrize("platform", [Platform.OPENWRT, Platform.ROUTEROS])
def test_a_router_without_a_task_forwards_nothing_of_the_mesh(platform: Platform) -> None:
    plan = small_plan(forwarding=Forwarding())
    hub = plan.nodes["hub"]
    node = governed(replace(hub, spec=replace(hub.spec, platform=platform)))
    plan = mesh_plan(node, plan.nodes["laptop"], plan.nodes["phone"])
    if platform is Platform.OPENWRT:
        text, file = openwrt(plan, node, secrets_of(plan)), "wg0.openwrt.sh"
    else:
        text, file = routeros_script(plan, node, secrets_of(plan)), "wg0.rsc"
    firewall = read_script(text, file=file).firewall
    for family in (4, 6):
        for packet in packets(family, random.Random(family), 200):
            assert filtered(firewall, packet._replace(way_in=TUNNEL)) == DROP


def test_the_values_themselves_end_in_a_drop() -> None:
    """So that `said` is no empty oracle."""
    rules = FamilyRules(4, (ForwardRule(Decision.DROP, Side.TUNNEL),))
    assert said(rules, SentPacket(4, 1, 2, TUNNEL, LAN)) == DROP
    assert said(rules, SentPacket(4, 1, 2, LAN, WAN)) == HOST
