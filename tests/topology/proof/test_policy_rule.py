"""Which packets a rule is for; what cannot be evaluated is for none."""

from __future__ import annotations

import pytest

from meshc.prefixes import parse_address
from meshc.topology.proof.iptables_rule import OUTSIDE, TUNNEL
from meshc.topology.proof.policy_rule import (
    RouteQuery,
    RoutingRule,
    read_policy_rule,
    table_name,
)


def rule(text: str, family: int = 4) -> RoutingRule:
    found = read_policy_rule(text.split(), family, "wg0")
    assert found is not None
    return found


def query(way_in: str = "", *, bound: bool = False, mark: int = 0) -> RouteQuery:
    source, target = (int(parse_address(text)) for text in ("10.8.0.2", "10.8.0.3"))
    return RouteQuery(4, source, target, way_in, bound, mark)


FIRST, ANSWER = query(), query(bound=True)
RELAYED, FROM_LAN, MARKED = query(TUNNEL), query(OUTSIDE), query(mark=7)
ALL = (FIRST, ANSWER, RELAYED, FROM_LAN, MARKED)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("table 200", ALL),
        ("from all lookup 200", ALL),
        ("to 10.8.0.0/24 lookup 200", ALL),
        ("to 10.9.0.0/24 lookup 200", ()),
        # a first packet has no source yet when its route is looked up
        ("from 10.8.0.2 lookup 200", (ANSWER, RELAYED, FROM_LAN)),
        ("not from 10.8.0.2 lookup 200", (FIRST, MARKED)),
        ("from 10.9.0.0/24 lookup 200", ()),
        ("iif %i lookup 200", (RELAYED,)),
        ("iif wg0 lookup 200", (RELAYED,)),
        ("iif lo lookup 200", (FIRST, ANSWER, MARKED)),
        ("iif eth0 lookup 200", ()),
        ("fwmark 7 lookup 200", (MARKED,)),
        ("not fwmark 7 lookup 200", (FIRST, ANSWER, RELAYED, FROM_LAN)),
        ("fwmark 0x0/0x8 lookup 200", ALL),
        ("uidrange 0-1000 lookup 200", ()),
        ("not uidrange 0-1000 lookup 200", ()),
        ("ipproto tcp lookup 200", ()),
        ("from nonsense lookup 200", ()),
    ],
)
def test_whose_packets_look_the_table_up(text: str, holds: tuple[RouteQuery, ...]) -> None:
    assert tuple(q for q in ALL if rule(text).matches(q, "wg0")) == holds


def test_a_rule_of_the_other_family_is_for_no_packet_of_this_one() -> None:
    assert not rule("lookup 200", family=6).matches(FIRST, "wg0")


@pytest.mark.parametrize("text", ["from all blackhole", "to 10.8.0.3 prohibit", "goto 100"])
def test_rules_that_look_nothing_up_are_no_such_rules(text: str) -> None:
    assert read_policy_rule(text.split(), 4, "wg0") is None


@pytest.mark.parametrize(
    ("text", "name"), [("254", "main"), ("0xc8", "200"), ("200", "200"), ("blue", "blue")]
)
def test_a_table_has_one_name(text: str, name: str) -> None:
    assert table_name(text) == name
