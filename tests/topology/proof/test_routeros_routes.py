"""Which routes of a RouterOS script lead into the tunnel."""

from __future__ import annotations

import pytest

from meshc.prefixes import Prefix
from meshc.topology.proof.routeros_router import read

MARKED = "action=mark-routing new-routing-mark=outside protocol=udp src-port=51820"
DEFAULT = (
    '/interface/wireguard/set [find name="wg0"] mtu=1420 listen-port=51820',
    "/routing/table/add name=mesh fib",
    f"/ip/firewall/mangle/add chain=output {MARKED}",
    f"/ipv6/firewall/mangle/add chain=output {MARKED}",
    "/ip/route/add dst-address=0.0.0.0/0 gateway=wg0 routing-table=mesh",
    "/routing/rule/add action=lookup-only-in-table routing-mark=outside table=main",
    "/routing/rule/add action=lookup min-prefix=0 table=main",
    "/routing/rule/add action=lookup table=mesh",
)


def routes(*lines: str) -> list[Prefix]:
    return list(read("\n".join(lines), "wg0.rsc").routes)


def test_a_route_in_the_main_table_leads_into_the_tunnel() -> None:
    route = "/ip/route/add dst-address=10.44.0.1/32 gateway="
    assert routes(DEFAULT[0], f"{route}wg0") == [Prefix.parse("10.44.0.1/32")]
    assert routes(DEFAULT[0], f"{route}ether1", f"{route}wg0 disabled=yes") == []


def test_a_default_route_in_the_main_table_would_swallow_the_tunnel_itself() -> None:
    assert routes(DEFAULT[0], "/ip/route/add dst-address=0.0.0.0/0 gateway=wg0") == []


def test_a_default_route_behind_both_exceptions_counts() -> None:
    assert routes(*DEFAULT) == [Prefix.parse("0.0.0.0/0")]


@pytest.mark.parametrize("missing", range(1, len(DEFAULT)))
def test_without_any_of_its_parts_it_does_not(missing: int) -> None:
    assert routes(*(line for n, line in enumerate(DEFAULT) if n != missing)) == []


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        (0, '/interface/wireguard/set [find name="wg0"] mtu=1420 listen-port=51821'),
        (0, '/interface/wireguard/set [find name="wg0"] mtu=1420'),
        (1, "/routing/table/add name=mesh"),
        (2, f"/ip/firewall/mangle/add chain=prerouting {MARKED}"),
        (2, f"/ip/firewall/mangle/add chain=output {MARKED} dst-address=192.0.2.0/24"),
        (5, "/routing/rule/add action=lookup routing-mark=outside table=mesh"),
        (6, "/routing/rule/add action=lookup-only-in-table min-prefix=0 table=main"),
        (6, "/routing/rule/add action=lookup table=main"),
        (7, "/routing/rule/add action=lookup table=mesh src-address=192.168.88.0/24"),
        (7, "/routing/rule/add action=lookup table=mesh disabled=yes"),
    ],
)
def test_nor_with_a_part_that_says_something_else(line: int, instead: str) -> None:
    assert routes(*DEFAULT[:line], instead, *DEFAULT[line + 1 :]) == []


def test_the_exceptions_come_before_the_rule() -> None:
    assert routes(*DEFAULT[:5], DEFAULT[7], *DEFAULT[5:7]) == []
