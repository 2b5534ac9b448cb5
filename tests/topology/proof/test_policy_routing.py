"""Tables and rules after `wg-quick up`: which way a packet takes, also by a real kernel."""

from __future__ import annotations

import pytest

from meshc.prefixes import Prefix, parse_address
from meshc.topology.proof.policy_routing import (
    PolicyRouting,
    RouteKind,
    read_ip_command,
    read_policy_routing,
)
from meshc.topology.proof.policy_rule import RouteQuery
from meshc.wg.conf import Conf

ALLOWED = (Prefix.parse("10.8.0.0/24"),)
LANS = (Prefix.parse("192.168.1.0/24"),)


def routing(*hooks: str, table: str | None = None) -> PolicyRouting:
    return read_policy_routing(Conf(post_up=hooks, table=table), "wg0")


def way(
    made: PolicyRouting,
    target: str = "10.8.0.3",
    allowed: tuple[Prefix, ...] = ALLOWED,
    *,
    way_in: str = "",
    mark: int = 0,
) -> RouteKind:
    source = int(parse_address("10.8.0.2"))
    query = RouteQuery(4, source, int(parse_address(target)), way_in, mark=mark)
    return made.way(query, allowed, (), LANS)[0]


@pytest.mark.parametrize(
    ("hooks", "kind"),
    [
        ((), RouteKind.UPLINK),
        (("ip rule add from all lookup 200",), RouteKind.TUNNEL),
        (("ip rule add to 10.8.0.0/24 lookup 200",), RouteKind.TUNNEL),
        (("ip rule add to 10.8.0.0/24 table 0xc8",), RouteKind.TUNNEL),
        (("ip rule add from 10.8.0.2 lookup 200",), RouteKind.UPLINK),
        (("ip rule add iif lo lookup 200",), RouteKind.TUNNEL),
        (("ip -6 rule add from all lookup 200",), RouteKind.UPLINK),
        (("ip rule add fwmark 5 lookup 200",), RouteKind.UPLINK),
        (("ip rule add uidrange 0-0 lookup 200",), RouteKind.UPLINK),
        # behind main, whose default route has everything
        (("ip rule add lookup 200 priority 40000",), RouteKind.UPLINK),
        (("ip rule add lookup 200", "ip rule del lookup 200"), RouteKind.UPLINK),
        # a rule without a priority comes before those that are there
        (("ip rule add lookup 200", "ip rule add to 10.8.0.3 lookup main"), RouteKind.UPLINK),
        (
            ("ip rule add lookup 200 priority 9", "ip rule add lookup main priority 10"),
            RouteKind.TUNNEL,
        ),
        (
            ("ip rule add lookup 200", "ip rule add lookup main suppress_prefixlength 0"),
            RouteKind.TUNNEL,
        ),
        (("ip route add 10.8.0.3 dev %i",), RouteKind.TUNNEL),
        (("ip route add 10.8.0.3 dev %i table 300",), RouteKind.UPLINK),
        (
            ("ip route add 10.8.0.3 dev %i table 300", "ip rule add lookup 300"),
            RouteKind.TUNNEL,
        ),
    ],
)
def test_a_numbered_table_counts_for_whom_a_rule_sends_there(
    hooks: tuple[str, ...], kind: RouteKind
) -> None:
    assert way(routing(*hooks, table="200")) is kind


@pytest.mark.parametrize(
    ("hooks", "kind"),
    [
        ((), RouteKind.TUNNEL),
        (("ip route del 10.8.0.0/24 dev %i",), RouteKind.UPLINK),
        (("ip route del 10.8.0.0/24",), RouteKind.UPLINK),
        (("ip route del 10.8.0.0/24 dev eth0",), RouteKind.TUNNEL),
        (("ip route add 10.8.0.3 via 192.168.1.1",), RouteKind.UPLINK),
        (("ip route add blackhole 10.8.0.0/25",), RouteKind.UPLINK),
        (("ip route add 10.8.0.0/16 via 192.168.1.1",), RouteKind.TUNNEL),
    ],
)
def test_routes_that_hooks_take_away(hooks: tuple[str, ...], kind: RouteKind) -> None:
    assert way(routing(*hooks)) is kind


def test_a_rule_before_main_wins_over_a_connected_network() -> None:
    wide = (Prefix.parse("192.168.0.0/16"),)
    assert way(routing(), "192.168.1.5", wide) is RouteKind.LAN
    numbered = routing("ip rule add to 192.168.0.0/16 lookup 200", table="200")
    assert way(numbered, "192.168.1.5", wide) is RouteKind.TUNNEL


def test_the_default_route_lies_behind_all_that_main_knows() -> None:
    default = (Prefix.parse("0.0.0.0/0"),)
    assert way(routing(), "1.1.1.1", default) is RouteKind.TUNNEL
    assert way(routing(), "192.168.1.5", default) is RouteKind.LAN
    kept_out = routing("ip rule add to 1.0.0.0/8 lookup main")
    assert way(kept_out, "1.1.1.1", default) is RouteKind.UPLINK


def test_a_mark_that_a_firewall_sets_is_not_known() -> None:
    hooks = ("iptables -t mangle -A PREROUTING -j MARK --set-mark 5",)
    made = routing(*hooks, "ip rule add not fwmark 5 lookup 200", table="200")
    assert way(made) is RouteKind.UPLINK


def test_only_rules_and_other_tables_need_more_than_one_longest_match() -> None:
    assert routing().plain
    assert routing("ip route add 10.9.0.0/24 dev %i").plain
    assert not routing(table="200").plain
    assert not routing("ip rule add lookup 200").plain
    assert not routing("ip route del 10.8.0.0/24").plain


def test_the_family_of_a_command() -> None:
    for text in ("-6 route add default dev wg0", "-f inet6 route add default dev wg0"):
        command = read_ip_command(text.split())
        assert (command.family, command.kind, command.action) == (6, "route", "add")
    assert read_ip_command(["rule"]).action == "show"
