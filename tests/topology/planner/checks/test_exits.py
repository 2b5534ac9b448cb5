"""Default routes that lead nowhere."""

from __future__ import annotations

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
        "pool, and their IPv6 packets die in the tunnel instead of leaking"
    ]
    assert lines(check_exits, specs.spec(nodes, pools=DUAL)) == []


def test_an_exit_that_speaks_ipv4_only() -> None:
    exit_ = node("exit", exit_node=True, endpoint="e.example", underlay=(4,))
    assert lines(
        check_exits, specs.spec([exit_, node("pc", exit="exit", dns=("9.9.9.9",))], pools=DUAL)
    ) == [
        "24 W204 users of exit 'exit' (such as 'pc') have no IPv6: 'exit' does not speak IPv6 to "
        "the internet, and their IPv6 packets die in the tunnel instead of leaking"
    ]


def test_an_exit_that_speaks_ipv6_only() -> None:
    exit_ = node("exit", exit_node=True, endpoint="e.example", underlay=(6,))
    assert lines(
        check_exits, specs.spec([exit_, node("pc", exit="exit", dns=("9.9.9.9",))], pools=DUAL)
    ) == [
        "24 W204 users of exit 'exit' (such as 'pc') have no IPv4: 'exit' does not speak IPv4 to "
        "the internet, and their IPv4 packets die in the tunnel instead of leaking"
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
        "34 I230 'one' and 1 more has no name server of its own behind the exit 'exit'"
    ]
