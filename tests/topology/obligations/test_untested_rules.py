"""A rule has a test when some line expects something to pass that the rule allows."""

from __future__ import annotations

import pytest

from meshc.topology.obligations.untested_rules import untested_rules
from tests.support.policy_networks import policy_network

TEXT = """
meshc: 1
network: {name: n, addresses: [10.44.0.0/24, "fd44::/64"]}
nodes:
  hub: {role: relay, endpoint: hub.example-vpn.dev, exit_node: true}
  a: {exit: hub}
  b: {routes: 192.168.9.0/24}
  c: {}
groups: {g: [a, c]}
policies:
  - {from: g, to: b, allow: [tcp/22, tcp/80-90]}
  - {from: a, to: "b:lan", allow: udp/53}
  - {from: a, to: internet}
"""


def untested(*tests: str) -> list[int]:
    lines = "".join(f"  - {{{test}}}\n" for test in tests)
    text = TEXT + (f"tests:\n{lines}" if tests else "")
    return [rule.index for rule in untested_rules(policy_network(text).spec)]


@pytest.mark.parametrize(
    ("test", "bare"),
    [
        ("from: c, to: b, port: tcp/22", [1, 2]),
        ("from: c, to: b", [1, 2]),
        ("from: a, to: b, port: tcp/85-99", [1, 2]),
        ("from: a, to: b, port: tcp/91", [0, 1, 2]),
        ("from: a, to: b, port: udp/22", [0, 1, 2]),
        ("from: b, to: a", [0, 1, 2]),
        ("from: c, to: b, port: tcp/23, expect: unreachable", [0, 1, 2]),
        ("from: a, to: 192.168.9.7, port: udp/53", [0, 2]),
        ("from: c, to: 192.168.9.7", [0, 1, 2]),
        ("from: a, to: internet, port: tcp/443", [0, 1]),
    ],
)
def test_a_line_that_is_about_a_rule(test: str, bare: list[int]) -> None:
    assert untested(test) == bare


def test_without_tests_all_rules_are_without_one() -> None:
    assert untested() == [0, 1, 2]


def test_without_policies_there_are_no_rules() -> None:
    assert untested_rules(policy_network(TEXT[: TEXT.index("policies:")]).spec) == ()
