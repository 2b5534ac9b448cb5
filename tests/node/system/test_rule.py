"""The policy rules of a default route: their priorities, and that the kernel takes and forgets
them."""

from __future__ import annotations

import sys

import pytest

from meshc.node.system.rule import RuleAdd, default_route_rules, hold_rules
from meshc.node.system_values import PolicyRule
from tests.support.machine_facts import RULES
from tests.support.netns import namespaces, needs_root, require


def test_new_rules_go_before_the_old_ones() -> None:
    """fib_default_rule_pref: one less than the first rule that is not `local`."""
    assert [rule.priority for rule in default_route_rules(4, 7, RULES)] == [32765, 32764]
    busy = (*RULES, PolicyRule(4, 1000, 77, foreign=True))
    assert [rule.priority for rule in default_route_rules(4, 7, busy)] == [999, 998]
    assert [rule.priority for rule in default_route_rules(6, 7, busy)] == [32765, 32764]


def test_a_rule_is_written_down_whole() -> None:
    for rule in default_route_rules(6, 51820, RULES):
        assert RuleAdd.of(rule).rule == rule
    marked, suppress = (RuleAdd.of(rule).describe() for rule in default_route_rules(4, 7, RULES))
    assert marked == "IPv4 rule 32765: not fwmark 7 table 7"
    assert suppress == "IPv4 rule 32764: table main suppress_prefixlength 0"


USE = """
from pathlib import Path
from meshc.node.machine import Machine
from meshc.node.system.rtnetlink import Netlink
from meshc.node.system.rule import RuleAdd, default_route_rules, hold_rules
with Netlink() as netlink:
    machine = Machine(netlink, Path("/run"), "t")
    for rule in default_route_rules({family}, 51820, netlink.rules()):
        if {verb!r} == "apply":
            RuleAdd.of(rule).apply(machine)
    if {verb!r} == "reverse":
        for rule in netlink.rules():
            if rule.priority in (32764, 32765) and rule.family == {family}:
                RuleAdd.of(rule).reverse(machine)
                RuleAdd.of(rule).reverse(machine)
"""


def test_rules_that_hold_back_have_the_mark_in_both() -> None:
    into, better = hold_rules(6, 7, RULES)
    assert (into, better._replace(fwmark=None, inverted=False)) == default_route_rules(6, 7, RULES)
    said = RuleAdd.of(better).describe()
    assert said == "IPv6 rule 32764: not fwmark 7 table main suppress_prefixlength 0"


@pytest.mark.root
@needs_root[1]
@pytest.mark.parametrize("family", [4, 6])
def test_the_kernel_has_them_where_ip_would_put_them(family: int) -> None:
    require("ip")
    commands = "ip -{0} rule add not fwmark 51820 table 51820; ip -{0} rule add table main "
    commands += "suppress_prefixlength 0"
    with namespaces("ours", "stock") as (ours, stock):
        before = ours.shell(f"ip -{family} rule")
        stock.shell(commands.format(family))
        ours.run(sys.executable, "-c", USE.format(family=family, verb="apply"))
        assert ours.shell(f"ip -{family} rule") == stock.shell(f"ip -{family} rule") != before
        ours.run(sys.executable, "-c", USE.format(family=family, verb="reverse"))
        assert ours.shell(f"ip -{family} rule") == before
