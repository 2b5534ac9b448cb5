"""The two policy rules of a default route, and which priority they get."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from meshc.node.change import Change
from meshc.node.system_values import MAIN_TABLE, PolicyRule
from meshc.values import dataclass

if TYPE_CHECKING:
    from meshc.node.machine import Machine


@dataclass(frozen=True, slots=True)
class RuleAdd(Change):
    """The fields of `values.PolicyRule`, one by one, so that they can be written down."""

    family: int
    priority: int
    table: int
    fwmark: int | None = None
    inverted: bool = False
    suppress_prefixlength: int | None = None

    @classmethod
    def of(cls, rule: PolicyRule) -> RuleAdd:
        """The change that adds this rule."""
        return cls(*rule[:6])

    @property
    def rule(self) -> PolicyRule:
        """The rule that this change adds."""
        return PolicyRule(
            self.family,
            self.priority,
            self.table,
            self.fwmark,
            self.inverted,
            self.suppress_prefixlength,
        )

    def describe(self) -> str:
        mark = f" {'not ' * self.inverted}fwmark {self.fwmark}" if self.fwmark is not None else ""
        table = "main" if self.table == MAIN_TABLE else self.table
        suppress = self.suppress_prefixlength
        tail = "" if suppress is None else f" suppress_prefixlength {suppress}"
        return f"IPv{self.family} rule {self.priority}:{mark} table {table}{tail}"

    def apply(self, machine: Machine) -> None:
        machine.netlink.add_rule(self.rule)

    def reverse(self, machine: Machine) -> None:
        machine.netlink.delete_rule(self.rule)


def default_route_rules(
    family: int, mark: int, present: Iterable[PolicyRule]
) -> tuple[PolicyRule, PolicyRule]:
    """All but WireGuard's own packets use the table of that number, unless the main table has
    something better than a default route (wg-quick(8), `add_default`).

    The priorities are those that the kernel gives to a rule without one: each new rule goes
    before the first that is not the `local` rule (fib_rules.c, fib_default_rule_pref)."""
    taken = sorted(rule.priority for rule in present if rule.family == family)
    first = next((number for number in taken if number > 0), 32766)
    return (
        PolicyRule(family, first - 1, mark, fwmark=mark, inverted=True),
        PolicyRule(family, first - 2, MAIN_TABLE, suppress_prefixlength=0),
    )


def hold_rules(
    family: int, mark: int, present: Iterable[PolicyRule]
) -> tuple[PolicyRule, PolicyRule]:
    """The same with the mark in both, as the lines of a file have them
    (`render.firewall.ipv6_hold`)."""
    into, better = default_route_rules(family, mark, present)
    return into, better._replace(fwmark=mark, inverted=True)
