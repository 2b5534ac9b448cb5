from __future__ import annotations

from collections.abc import Sequence

import pytest

from meshc.lab.probe.claim_checks import ClaimChecker
from meshc.lab.report.lab_report import Cell, Check, Key, Measured, Predicted
from meshc.lab.world.places import LanHost
from meshc.prefixes import Prefix
from meshc.topology.language.spec import Expect, Service, TestSpec
from meshc.topology.obligations.claim import read_claims

P = Prefix.parse
POOL = P("10.0.0.0/24")
LAN = P("192.168.1.0/24")
HOSTS = (LanHost("lan:b", "b", LAN, "192.168.1.254"),)


def a_cell(source: str, target: str, *path: str) -> Cell:
    measured = Measured(bool(path), path or None)
    return Cell(Key(source, target, 4), Predicted(True, path), measured)


CELLS = (
    a_cell("a", "b", "a", "r", "b"),
    a_cell("b", "a"),
    a_cell("a", "lan:b", "a", "b", "lan:b"),
    a_cell("lan:b", "a", "lan:b", "b", "r", "a"),
    a_cell("a", "8.8.8.1", "a"),
)


def checked(
    test: TestSpec, cells: Sequence[Cell] = CELLS, unjudged: Sequence[Key] = ()
) -> list[Check]:
    addresses = {name: (Prefix.host(f"10.0.0.{n}"),) for n, name in enumerate("abr", 1)}
    claims = read_claims([test], addresses=addresses, pools=(POOL,), routes=[LAN])
    return list(ClaimChecker(cells, HOSTS, {"8.8.8.0/24": "8.8.8.1"}, unjudged).check(claims))


@pytest.mark.parametrize(
    ("source", "target", "expect", "via", "passed"),
    [
        ("a", "b", Expect.REACHABLE, None, True),
        ("a", "b", Expect.REACHABLE, ("r",), True),
        ("a", "b", Expect.REACHABLE, (), False),
        ("a", "b", Expect.UNREACHABLE, None, False),
        ("b", "a", Expect.UNREACHABLE, None, True),
        ("b", "a", Expect.REACHABLE, None, False),
        ("a", "192.168.1.0/25", Expect.REACHABLE, None, True),
        ("a", "192.168.1.0/25", Expect.REACHABLE, (), True),
        ("a", "192.168.1.0/25", Expect.REACHABLE, ("b",), False),
        ("192.168.1.7/32", "a", Expect.REACHABLE, ("r",), True),
        ("192.168.1.7/32", "a", Expect.UNREACHABLE, None, False),
        ("10.0.0.1/32", "b", Expect.REACHABLE, ("r",), True),
        ("a", "8.8.8.0/24", Expect.REACHABLE, None, True),
        ("a", "8.8.8.0/24", Expect.UNREACHABLE, None, False),
    ],
)
def test_lines_of_tests_are_held_against_the_measurement(
    source: str, target: str, expect: Expect, via: tuple[str, ...] | None, passed: bool
) -> None:
    test = TestSpec((source,), (target,), expect, via)
    (check,) = checked(test)
    assert passed == check.passed
    assert passed == (not check.detail)


def test_a_line_that_fails_says_what_the_proof_said() -> None:
    predicted = Predicted(False, ("a",), "r drops it")
    blocked = Cell(Key("a", "b", 4), predicted, Measured(False))
    (check,) = checked(TestSpec(("a",), ("b",), Expect.REACHABLE), [blocked])
    assert check.detail == "IPv4: it is unreachable: r drops it"


def test_a_line_about_what_was_not_measured_does_not_hold() -> None:
    test = TestSpec(("a",), ("192.168.1.0/25",), Expect.REACHABLE)
    (check,) = checked(test, CELLS[:2], [Key("a", "lan:b", 4)])
    assert (check.passed, check.detail) == (False, "not measured: the proof does not judge it")


def test_groups_are_tested_pair_by_pair() -> None:
    test = TestSpec(("a", "b"), ("a", "b"), Expect.REACHABLE)
    assert [check.passed for check in checked(test)] == [True, False]


def test_a_line_of_which_nothing_was_measured_is_remarked_upon() -> None:
    test = TestSpec(("a",), ("9.9.9.9/32",), Expect.REACHABLE)
    claims = read_claims([test], addresses={"a": ()}, pools=(POOL,), routes=[LAN])
    checker = ClaimChecker(CELLS, HOSTS, {})
    assert list(checker.unmeasured(claims)) == [
        "nothing of the test a → 9.9.9.9/32 could be measured"
    ]
    assert list(checker.unmeasured([])) == []


TCP, UDP, ICMP = Service("tcp", 8000, 8100), Service("udp"), Service("icmp")
REACHED = {("tcp", 8000): True, ("tcp", 8100): True, ("tcp", 22): False, ("udp", 53): False}


@pytest.mark.parametrize(
    ("service", "ping", "expect", "detail"),
    [
        (TCP, False, Expect.REACHABLE, ""),
        (TCP, False, Expect.UNREACHABLE, "IPv4: it is reachable (tcp/8000, tcp/8100)"),
        (Service("tcp"), False, Expect.REACHABLE, "IPv4: it is unreachable (tcp/22)"),
        (Service("tcp", 22, 22), True, Expect.UNREACHABLE, ""),
        (UDP, True, Expect.REACHABLE, "IPv4: it is unreachable (udp/53)"),
        (UDP, True, Expect.UNREACHABLE, ""),
        (ICMP, True, Expect.REACHABLE, ""),
        (ICMP, False, Expect.UNREACHABLE, ""),
        (None, False, Expect.REACHABLE, ""),
        (None, False, Expect.UNREACHABLE, "IPv4: it is reachable (tcp/8000, tcp/8100)"),
        (Service("tcp", 9, 9), True, Expect.REACHABLE, "IPv4: no trial was made"),
    ],
)
def test_a_line_with_a_port_is_held_against_the_trials_of_it(
    service: Service | None, ping: bool, expect: Expect, detail: str
) -> None:
    """Of a service that must pass all must, of one that must not, nothing; without a port any will
    do."""
    cell = Cell(Key("a", "b", 4), Predicted(ping), Measured(ping))
    addresses = {name: (Prefix.host(f"10.0.0.{n}"),) for n, name in enumerate("ab", 1)}
    test = TestSpec(("a",), ("b",), expect, service=service)
    claims = read_claims([test], addresses=addresses, pools=(POOL,), routes=[])
    checker = ClaimChecker([cell], (), {}, (), {cell.key: REACHED}, exact=True)
    (check,) = checker.check(claims)
    assert (check.passed, check.detail) == (not detail, detail)
    assert check.name == f"a → b {f'{service} ' if service else ''}{expect.value}"


def test_where_addresses_are_told_apart_nobody_stands_for_another() -> None:
    cells = [a_cell("a", "lan:b", "a", "b", "lan:b"), a_cell("a", "lan:b:2")]
    hosts = (*HOSTS, LanHost("lan:b:2", "b", LAN, "192.168.1.9"))
    addresses = {"a": (Prefix.host("10.0.0.1"),)}

    def measured(target: str) -> list[tuple[str, bool]]:
        test = TestSpec(("a",), (target,), Expect.REACHABLE)
        claims = read_claims([test], addresses=addresses, pools=(POOL,), routes=[LAN])
        found = ClaimChecker(cells, hosts, {}, exact=True).check(claims)
        return [(check.name, check.passed) for check in found]

    assert measured("192.168.1.9/32") == [("a → 192.168.1.9 reachable", False)]
    assert measured("192.168.1.10/32") == []
    assert [passed for _, passed in measured("192.168.1.0/24")] == [True, False]
