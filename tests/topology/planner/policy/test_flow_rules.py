"""Rules are plain values: equal by content, hashable, and matching anything unless told."""

from __future__ import annotations

from meshc.prefixes import Prefix
from meshc.topology.planner.policy.flow_rules import (
    Decision,
    FamilyRules,
    ForwardRule,
    NatRule,
    Side,
)


def rules() -> FamilyRules:
    pool = Prefix.parse("10.44.0.0/24")
    return FamilyRules(
        4, (ForwardRule(Decision.DROP, Side.TUNNEL),), (NatRule(True, None, (pool,)),)
    )


def test_equal_rules_are_one_value() -> None:
    assert {rules(): "a"}[rules()] == "a"


def test_a_rule_without_conditions_matches_anything() -> None:
    assert set(ForwardRule(Decision.ACCEPT)[1:]) == {None}
    assert [*NatRule(True).pairs()] == [(None, None)]


def test_a_rule_is_about_each_source_with_each_destination() -> None:
    one, two, three = (Prefix.parse(f"10.{i}.0.0/16") for i in range(3))
    assert [*NatRule(True, None, (one, two), (three,)).pairs()] == [(one, three), (two, three)]
