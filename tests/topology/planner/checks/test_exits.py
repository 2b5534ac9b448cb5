"""Default routes that lead nowhere."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshc.prefixes import Prefix
from meshc.topology.language.spec import Platform
from meshc.topology.planner.checks.exits import check_exits
from tests.support import specs
from tests.support.findings import lines
from tests.support.specs import node

DUAL = "10.44.0.0/24 fd44::/64"


def test_an_exit_without_a_direct_link() -> None:
    spec = specs.spec(
        [node("exit", exit_node=True), node("phone", exit="exit", dns=("9.9.9.9",))], pools=DUAL
    )
    assert lines(check_exits, spec) == [
        "24 E202 'phone' cannot use 'exit' as exit: they have no direct link, because phone has no "
        "endpoint (it is behind a NAT), and exit has no endpoint (it is behind a NAT)"
    ]


def test_an_exit_that_uses_an_exit() -> None:
    spec = specs.spec(
        [
            node("one", exit_node=True, endpoint="one.example", exit="two", dns=("9.9.9.9",)),
            node("two", exit_node=True, endpoint="two.example"),
        ],
        pools=DUAL,
    )
    assert lines(check_exits, spec) == ["14 E203 exit node 'one' itself uses 'two' as exit"]


def test_an_exit_without_ipv6() -> None:
    nodes = [
        node("exit", exit_node=True, endpoint="e.example"),
        node("phone", exit="exit", dns=("9.9.9.9",)),
    ]
    assert lines(check_exits, specs.spec(nodes)) == [
        "24 W204 users of exit 'exit' (such as 'phone') have no IPv6: the network has no IPv6 "
        "pool, and their IPv6 packets go nowhere instead of leaking"
    ]
    assert lines(check_exits, specs.spec(nodes, pools=DUAL)) == []


def test_an_exit_that_speaks_ipv4_only() -> None:
    exit_ = node("exit", exit_node=True, endpoint="e.example", underlay=(4,))
    assert lines(
        check_exits, specs.spec([exit_, node("pc", exit="exit", dns=("9.9.9.9",))], pools=DUAL)
    ) == [
        "24 W204 users of exit 'exit' (such as 'pc') have no IPv6: 'exit' does not speak IPv6 to "
        "the internet, and their IPv6 packets go nowhere instead of leaking"
    ]


def test_an_exit_that_speaks_ipv6_only() -> None:
    exit_ = node("exit", exit_node=True, endpoint="e.example", underlay=(6,))
    assert lines(
        check_exits, specs.spec([exit_, node("pc", exit="exit", dns=("9.9.9.9",))], pools=DUAL)
    ) == [
        "24 W204 users of exit 'exit' (such as 'pc') have no IPv4: 'exit' does not speak IPv4 to "
        "the internet, and their IPv4 packets go nowhere instead of leaking"
    ]


def test_an_exit_user_that_keeps_the_resolver_of_where_it_is() -> None:
    """One remark for all users of one exit, and none for nodes that somebody else manages."""
    nodes = [
        node("exit", exit_node=True, endpoint="e.example"),
        node("named", exit="exit", dns=("9.9.9.9",)),
        node("one", exit="exit"),
        node("two", exit="exit"),
    ]
    assert lines(check_exits, specs.spec(nodes, pools=DUAL)) == [
        "34 I230 'one' and 1 more have no name server of their own behind the exit 'exit'"
    ]


@pytest.mark.parametrize("platform", list(Platform))
def test_a_name_cannot_be_left_out_of_a_list(platform: Platform) -> None:
    """Where nothing but AllowedIPs keeps WireGuard's own packets out of the tunnel."""
    exit_ = node("exit", exit_node=True, endpoint=("e.example", "198.51.100.7"))
    user = node(
        "pc",
        exit="exit",
        exit_except=(Prefix.parse("10.0.0.0/8"),),
        dns=("9.9.9.9",),
        platform=platform,
    )
    told = [
        "20 E221 'pc' calls 'exit' at e.example, and with `exit_except` it cannot keep WireGuard's "
        "own packets to a name out of the tunnel"
    ]
    safe = platform not in {Platform.LINUX, Platform.ROUTEROS}
    assert lines(check_exits, specs.spec([exit_, user], pools=DUAL)) == ([] if safe else told)
    # an address that comes first is the one that is called; a routing of the user's own is theirs
    first = replace(exit_, endpoints=exit_.endpoints[::-1])
    assert lines(check_exits, specs.spec([first, user], pools=DUAL)) == []
    own = replace(user, table="200")
    assert lines(check_exits, specs.spec([exit_, own], pools=DUAL)) == []


def test_who_leaves_ipv6_out_is_not_told_that_it_dies_in_the_tunnel() -> None:
    exit_ = node("exit", exit_node=True, endpoint="e.example")
    user = node("pc", exit="exit", exit_except=(Prefix.parse("::/0"),), dns=("9.9.9.9",))
    assert lines(check_exits, specs.spec([exit_, user])) == []
