"""Which routes AllowedIPs make, and the numbers of tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.errors import NodeError
from meshc.node.system.route import main_routes, table_number
from meshc.node.system.rule import RuleAdd, default_route_rules
from meshc.node.system_values import PolicyRule
from meshc.prefixes import InterfaceAddress, Prefix
from tests.support.machine_facts import RULES


def routes(allowed: str, addresses: str = "") -> list[str]:
    prefixes = [Prefix.parse(item) for item in allowed.split()]
    own = [InterfaceAddress.parse(item) for item in addresses.split()]
    return [str(prefix) for prefix in main_routes(prefixes, own)]


def test_longest_first_and_once() -> None:
    assert routes("10.0.0.0/8 10.1.0.0/16 10.0.0.0/8") == ["10.1.0.0/16", "10.0.0.0/8"]


@pytest.mark.parametrize(
    ("allowed", "addresses", "expected"),
    [
        ("10.44.0.2/32", "10.44.0.1/24", []),
        ("10.44.0.0/23", "10.44.0.1/24", ["10.44.0.0/23"]),
        ("10.44.0.1/32", "10.44.0.1/32", ["10.44.0.1/32"]),
        ("fd44::1/128", "fd44::1/128", []),
        ("fd44::2/128", "10.44.0.1/0", ["fd44::2/128"]),
        ("0.0.0.0/0 ::/0", "", []),
    ],
)
def test_the_interface_covers_its_networks(
    allowed: str, addresses: str, expected: list[str]
) -> None:
    assert routes(allowed, addresses) == expected


@given(
    st.lists(st.tuples(st.integers(0, 15), st.integers(1, 4))),
    st.lists(st.tuples(st.integers(0, 15), st.integers(1, 4))),
)
def test_every_allowed_address_is_routed(
    allowed: list[tuple[int, int]], own: list[tuple[int, int]]
) -> None:
    """In a world of sixteen addresses: routed by a route of ours, or by a connected one."""
    prefixes = [
        Prefix(4, (value >> (4 - length) << (4 - length)) << 28, length)
        for value, length in allowed
    ]
    addresses = [InterfaceAddress(4, value << 28, length) for value, length in own]
    found = main_routes(prefixes, addresses)
    for value in range(16):
        host = Prefix(4, value << 28, 32)
        wanted = any(prefix.contains(host) for prefix in prefixes)
        ours = any(prefix.contains(host) for prefix in found)
        connected = any(address.network.contains(host) for address in addresses)
        assert not ours or wanted
        assert not wanted or ours or connected


def test_tables_by_number_and_name() -> None:
    assert [table_number(text) for text in ("51820", "0x10", "main", "local")] == [
        51820,
        16,
        254,
        255,
    ]


@pytest.mark.parametrize("text", ["", "-1", "4294967296", "nonsense", "1; reboot", "unspec"])
def test_what_is_no_table(text: str) -> None:
    with pytest.raises(NodeError, match="neither a number nor a name"):
        table_number(text)


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
