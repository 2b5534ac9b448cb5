"""One rule: which packets it is for, and whether the proof can say so."""

from __future__ import annotations

import pytest

from meshc.prefixes import Prefix
from meshc.topology.proof.iptables_rule import (
    OUTSIDE,
    TUNNEL,
    Flow,
    read_rule,
    read_rules,
    target_of,
)

FLOW = Flow(4, 0x0A2C0001, 0x0A2C0002, TUNNEL, TUNNEL)


def test_a_rule_as_a_value() -> None:
    rule = read_rule(["!", "-i", "%i", "-d", "192.168.1.0/24", "-j", "ACCEPT"])
    assert (rule.target, rule.way_in, rule.negated) == ("ACCEPT", "%i", frozenset(("-i",)))
    assert rule.destination == Prefix.parse("192.168.1.0/24")


@pytest.mark.parametrize(
    ("text", "target", "modelled"),
    [
        ("-p tcp --syn -j DROP", "DROP", False),
        ("-p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu", "TCPMSS", False),
        ("-j REJECT --reject-with icmp-admin-prohibited", "REJECT", True),
        ("-d 10.1.1.0/24 -j NETMAP --to 192.168.1.0/24", "NETMAP", True),
        ("-m comment --comment words -j ACCEPT", "ACCEPT", True),
        ("-m limit --limit 5/s -j DROP", "DROP", False),
    ],
)
def test_the_target_is_found_behind_any_flag(text: str, target: str, modelled: bool) -> None:
    rule = read_rule(text.split())
    assert (rule.target, rule.modelled) == (target, modelled)
    assert target_of(text.split()) == target


def test_a_condition_beyond_the_proof_leaves_open_whether_it_matches() -> None:
    rule = read_rule(["-i", "%i", "-p", "tcp", "-j", "DROP"])
    assert not rule.matches(FLOW, "wg0")
    assert rule.may_match(FLOW, "wg0")
    assert not read_rule(["-i", "eth0", "-p", "tcp", "-j", "DROP"]).may_match(FLOW, "wg0")


@pytest.mark.parametrize(("established", "matches"), [(False, True), (True, False)])
def test_a_state_can_be_excluded(established: bool, matches: bool) -> None:
    rule = read_rule(["-m", "conntrack", "!", "--ctstate", "RELATED,ESTABLISHED", "-j", "DROP"])
    assert rule.matches(FLOW._replace(established=established), "wg0") is matches


LISTS = "-s 10.44.0.0/24,172.16.0.0/12 -d 192.168.1.0/24,192.168.2.0/24 ! -o %i -j "


@pytest.mark.parametrize("target", ["MASQUERADE", "ACCEPT"])
@pytest.mark.parametrize("source", ["10.44.0.9", "172.17.0.1", "192.168.1.1"])
@pytest.mark.parametrize("to", ["192.168.1.7", "192.168.2.7", "192.168.3.7"])
def test_lists_match_each_source_with_each_destination(target: str, source: str, to: str) -> None:
    """As iptables(8) makes a rule of every pair."""
    one, other = Prefix.host(source), Prefix.host(to)
    flow = Flow(4, one.value, other.value, "", OUTSIDE)
    rules = [*read_rules((LISTS + target).split())]
    expected = source != "192.168.1.1" and to != "192.168.3.7"
    assert any(rule.matches(flow, "wg0") for rule in rules) is expected
    inward = flow._replace(way_out=TUNNEL)
    assert not any(rule.matches(inward, "wg0") for rule in rules)


@pytest.mark.parametrize("text", ["! -s 10.0.0.0/8,10.1.0.0/16 -j DROP", "-s 10.0.0.0/8,x -j DROP"])
def test_a_list_that_iptables_would_refuse_is_not_judged(text: str) -> None:
    assert not any(rule.modelled for rule in read_rules(text.split()))
