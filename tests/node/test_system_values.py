"""Small values: what makes two rules the same, and which hosts are addresses already."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.node.system_values import PolicyRule, is_literal

RULE = PolicyRule(4, 100, 51820, fwmark=9, inverted=True, suppress_prefixlength=0)


def test_a_rule_does_the_same_at_another_priority() -> None:
    assert RULE.same_effect(RULE._replace(priority=32765))


@pytest.mark.parametrize(
    "other",
    [
        RULE._replace(family=6),
        RULE._replace(table=254),
        RULE._replace(fwmark=None),
        RULE._replace(inverted=False),
        RULE._replace(suppress_prefixlength=None),
        RULE._replace(foreign=True),
    ],
)
def test_any_other_difference_is_another_rule(other: PolicyRule) -> None:
    assert not RULE.same_effect(other)
    assert not other.same_effect(RULE)


def known_to_python(host: str) -> bool:
    try:
        return not getattr(ipaddress.ip_address(host), "scope_id", None)
    except ValueError:
        return False


@given(
    st.ip_addresses().map(str)
    | st.from_regex(r"[0-9a-f.:]{1,20}", fullmatch=True)
    | st.from_regex(r"[a-z0-9-]{1,9}(\.[a-z0-9-]{1,9}){0,3}", fullmatch=True)
)
def test_literal_is_what_python_takes_for_an_address(host: str) -> None:
    assert is_literal(host) is known_to_python(host)
