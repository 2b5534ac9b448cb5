"""Who forwards what, and the rules that follow from it."""

from __future__ import annotations

import pytest

from meshc.prefixes import Prefix
from meshc.topology.language.spec import Platform
from meshc.topology.planner.mesh_plan import Forwarding
from meshc.topology.planner.policy.flow_rules import (
    Decision,
    FamilyRules,
    ForwardRule,
    NatRule,
    Side,
)
from meshc.topology.planner.policy.forwarding import firewall_of, forwarding_of, origins
from tests.support import specs
from tests.support.keyed_plans import small_plan
from tests.support.specs import node

DUAL = "10.44.0.0/24 fd44::/64"
POOLS = (Prefix.parse("10.44.0.0/24"), Prefix.parse("fd44::/64"))


def forwarding(one: specs.NodeSpec, mtus: tuple[int, ...] = (1420,)) -> Forwarding:
    return forwarding_of(specs.spec([one], pools=DUAL), one, mtus)


def test_a_leaf_forwards_nothing() -> None:
    assert not forwarding(node("a")).needed


def test_a_relay() -> None:
    assert forwarding(node("a", relay=True)) == Forwarding((4, 6), POOLS, relay=True)


def test_a_relay_between_links_of_different_mtu() -> None:
    assert forwarding(node("a", relay=True), (1420, 1280)).clamp_mss


def test_a_router() -> None:
    lan = Prefix.parse("192.168.1.0/24")
    assert forwarding(node("a", routes="192.168.1.0/24", masquerade=False)) == Forwarding(
        (4,), POOLS, lans=(lan,), masquerade=False, clamp_mss=True
    )


def test_only_families_with_a_task_are_forwarded() -> None:
    """A host that forwards IPv6 loses the default route that it has from router advertisements."""
    assert forwarding(node("a", routes="192.168.1.0/24")).families == (4,)
    assert forwarding(node("a", routes="fd99::/64")).families == (6,)
    assert forwarding(node("a", routes="192.168.1.0/24", relay=True)).families == (4, 6)


def test_a_router_closes_the_family_in_which_it_has_no_task() -> None:
    """OpenWrt and RouterOS forward both families whatever we say."""
    task = Forwarding((4,), POOLS, lans=(LAN,))
    assert [r.family for r in firewall_of(task, (), Platform.LINUX, POOLS)] == [4]
    for router in (Platform.OPENWRT, Platform.ROUTEROS):
        four, six = firewall_of(task, (), router, POOLS)
        assert (four.family, six.family) == (4, 6)
        assert [rule.decision for rule in six.forward] == [Decision.HOST, Decision.DROP]


def test_an_exit() -> None:
    assert forwarding(node("a", exit_node=True)) == Forwarding(
        (4, 6), POOLS, exit=True, clamp_mss=True
    )


LAN = Prefix.parse("192.168.1.0/24")


USER, OTHER = Prefix.parse("10.44.0.7/32"), Prefix.parse("10.44.0.9/32")


def first_match(rules: FamilyRules, source: str, target: str) -> Decision:
    """What becomes of a packet out of the tunnel that leaves by the way to the internet."""
    ends = Prefix.host(source), Prefix.host(target)
    return next(
        rule.decision
        for rule in rules.forward
        if rule.state is None
        and rule.way_in in (None, Side.TUNNEL)
        and rule.way_out in (None, Side.WAN)
        and (rule.source is None or rule.source.contains(ends[0]))
        and (rule.destination is None or rule.destination.contains(ends[1]))
    )


def test_an_exit_lets_out_its_users_and_nobody_else() -> None:
    exit_ = Forwarding((4,), POOLS[:1], relay=True, exit=True, users=(USER,))
    (rules,) = firewall_of(exit_, (), Platform.LINUX, POOLS[:1])
    assert first_match(rules, "10.44.0.7", "1.1.1.1") is Decision.ACCEPT
    assert first_match(rules, "10.44.0.9", "1.1.1.1") is Decision.DROP


@pytest.mark.parametrize(
    "near", ["169.254.169.254", "192.168.7.1", "10.0.0.1", "100.100.100.200", "168.63.129.16"]
)
def test_users_of_an_exit_do_not_reach_its_surroundings_unless_routes_say_so(near: str) -> None:
    lan = Prefix.parse("192.168.1.0/24")
    exit_ = Forwarding((4,), POOLS[:1], lans=(lan,), exit=True, users=(USER,))
    (rules,) = firewall_of(exit_, (), Platform.LINUX, POOLS[:1])
    assert first_match(rules, "10.44.0.7", near) is Decision.DROP
    assert first_match(rules, "10.44.0.7", "192.168.1.9") is Decision.ACCEPT


def test_the_users_of_an_exit_are_the_nodes_that_name_it_with_their_lans() -> None:
    plan = specs.plan(
        specs.spec(
            [
                node("out", endpoint="192.0.2.1:51820", exit_node=True, relay=True),
                node("user", exit="out"),
                node("router", exit="out", routes="192.168.5.0/24"),
                node("stranger"),
            ],
            pools=DUAL,
        )
    )
    users = plan.nodes["out"].forwarding.users
    for name in ("user", "router"):
        for address in plan.nodes[name].addresses:
            assert any(one.contains(address.host) for one in users)
    assert Prefix.parse("192.168.5.0/24") in users
    for address in plan.nodes["stranger"].addresses:
        assert not any(one.contains(address.host) for one in users)


def test_lans_of_others_are_origins_and_defaults_are_not() -> None:
    lan, default = Prefix.parse("192.168.7.0/24"), Prefix.parse("0.0.0.0/0")
    peer = small_plan().nodes["hub"].peers[0]._replace(allowed_ips=(lan, default))
    assert origins([peer], POOLS[:1]) == (POOLS[0], lan)


def test_a_leaf_has_no_rules_unless_it_forwards_by_nature() -> None:
    assert firewall_of(Forwarding(), (), Platform.LINUX, POOLS) == ()
    for router in (Platform.OPENWRT, Platform.ROUTEROS):
        closed = firewall_of(Forwarding(), (), router, POOLS)
        assert [rules.family for rules in closed] == [4, 6]
        for rules in closed:
            assert rules.forward[-1] == ForwardRule(Decision.DROP, Side.TUNNEL)
            assert not any(rule.decision is Decision.ACCEPT for rule in rules.forward)
            assert rules.nat == ()


def test_rules_end_with_a_drop_of_what_comes_from_the_mesh() -> None:
    everything = Forwarding((4, 6), POOLS, relay=True, lans=(LAN,), exit=True)
    for rules in firewall_of(everything, (), Platform.LINUX, POOLS):
        assert rules.forward[-1] == ForwardRule(Decision.DROP, Side.TUNNEL)


def test_a_visible_lan_behind_an_exit_is_left_alone() -> None:
    shown = Forwarding((4,), POOLS[:1], lans=(LAN,), masquerade=False, exit=True)
    (rules,) = firewall_of(shown, (), Platform.LINUX, POOLS)
    assert rules.nat == (NatRule(False, destinations=(LAN,)), NatRule(True, Side.WAN, (POOLS[0],)))
