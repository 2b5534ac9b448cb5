"""Tables and rules after `wg-quick up`: which way a packet takes, also by a real kernel."""

from __future__ import annotations

import os
import random

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
from tests.support.netns import Namespace, namespaces, require

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


HOOKS = (
    "ip rule add from 10.8.0.2 lookup 200",
    "ip rule add from 10.8.0.0/30 lookup 200",
    "ip rule add to 10.8.0.0/25 lookup 200",
    "ip rule add not to 10.8.0.0/30 lookup 200",
    "ip rule add iif %i lookup 200",
    "ip rule add iif lo lookup 200",
    "ip rule add fwmark 7 lookup 200",
    "ip rule add not fwmark 7 lookup 200",
    "ip rule add lookup 200 priority 100",
    "ip rule add lookup 200 priority 40000",
    "ip rule add to 10.8.0.0/30 lookup main",
    "ip rule add to 10.8.0.0/30 lookup main priority 50",
    "ip rule add lookup main suppress_prefixlength 0",
    "ip route add 10.8.0.4 dev %i table 200",
    "ip route add 10.9.0.0/24 dev %i",
    "ip route add 10.8.0.5 via 192.168.1.1 dev eth0",
    "ip route add 10.8.0.5 via 192.168.1.1 dev eth0 table 200",
    "ip route add 192.168.1.128/25 dev %i",
    "ip route replace 10.8.0.0/24 via 192.168.1.1 dev eth0",
    "ip route del 10.8.0.4 dev %i table 200",
    "ip route del 10.9.0.0/24",
)
SETS = (
    ("10.8.0.0/24",),
    ("10.8.0.0/24", "10.8.0.5/32", "192.168.0.0/16"),
    ("0.0.0.0/0",),
    ("0.0.0.0/0", "10.8.0.0/25"),
)
TARGETS = ("10.8.0.1", "10.8.0.4", "10.8.0.5", "10.8.0.200", "10.9.0.1", "192.168.1.200", "1.1.1.1")


def installed(allowed: tuple[str, ...], table: str | None) -> list[str]:
    """The commands of add_route and add_default in wg-quick, longest prefix first."""
    lines = []
    for text in sorted(allowed, key=lambda p: -int(p.split("/")[1])):
        if table is not None:
            lines.append(f"ip route add {text} dev wg0 table {table}")
        elif text.endswith("/0"):
            lines += [
                f"ip route add {text} dev wg0 table 51820",
                "ip rule add not fwmark 51820 table 51820",
                "ip rule add table main suppress_prefixlength 0",
            ]
        else:
            lines.append(f"ip route add {text} dev wg0")
    return lines


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_real_kernel_routes_as_the_proof_says() -> None:
    """Random hooks on random tables; the kernel is asked with `ip route get`."""
    require("ip")
    rng = random.Random(7)
    kinds = set()
    with namespaces("route") as (node,):
        for _ in range(40):
            table = rng.choice((None, "200"))
            allowed = rng.choice(SETS)
            hooks = rng.sample(HOOKS, rng.randint(0, 4))
            worked = _bring_up(node, installed(allowed, table), hooks)
            made = read_policy_routing(Conf(post_up=tuple(worked), table=table), "wg0")
            prefixes = tuple(Prefix.parse(text) for text in allowed)
            for target in TARGETS:
                for way_in, asked in (("", ""), ("%i", "from 10.8.0.2 iif wg0")):
                    said = node.shell(f"ip route get {target} {asked} || true")
                    kind = way(made, target, prefixes, way_in=way_in)
                    kinds.add(kind)
                    inside = kind is RouteKind.TUNNEL
                    assert ("dev wg0 " in said) == inside, (table, allowed, worked, target, said)
    assert kinds == {RouteKind.TUNNEL, RouteKind.LAN, RouteKind.UPLINK}


def _bring_up(node: Namespace, routes: list[str], hooks: list[str]) -> list[str]:
    """A fresh host with its own default route; returns the hooks that did not fail."""
    node.shell(
        "ip link del wg0 2>/dev/null || true; ip link del eth0 2>/dev/null || true;"
        "ip rule flush; ip route flush table 200 2>/dev/null || true;"
        "ip rule add lookup main priority 32766; ip rule add lookup default priority 32767;"
        "sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0"
        " net.ipv4.conf.default.rp_filter=0;"
        "ip link add eth0 type veth peer name eth0-far; ip link set eth0-far up; ip addr add 192.168.1.2/24 dev eth0; ip link set eth0 up;"
        "ip route add default via 192.168.1.1; "
        "ip link add wg0 type veth peer name wg0-far; ip link set wg0-far up;"
        "ip addr add 10.8.0.9/32 dev wg0; ip link set wg0 up;" + "; ".join(routes)
    )
    worked = []
    for hook in hooks:
        if node.run(*hook.replace("%i", "wg0").split(), check=False).returncode == 0:
            worked.append(hook)
    return worked
