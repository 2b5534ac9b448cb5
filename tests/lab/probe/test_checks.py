from __future__ import annotations

import pytest

from meshc.lab.probe.checks import check_tests, unallocated
from meshc.lab.report.lab_report import Cell, Key, Measured, Predicted
from meshc.lab.world.places import LanHost
from meshc.prefixes import Prefix
from meshc.topology.language.spec import Expect, TestSpec

P = Prefix.parse
HOSTS = (LanHost("lan:b", "b", P("192.168.1.0/24"), "192.168.1.254"),)


def a_cell(source: str, target: str, *path: str) -> Cell:
    measured = Measured(bool(path), path or None)
    return Cell(Key(source, target, 4), Predicted(True, path), measured)


CELLS = (a_cell("a", "b", "a", "r", "b"), a_cell("b", "a"), a_cell("a", "lan:b", "a", "b", "lan:b"))


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
    ],
)
def test_lines_of_tests_are_held_against_the_measurement(
    source: str, target: str, expect: Expect, via: tuple[str, ...] | None, passed: bool
) -> None:
    test = TestSpec((source,), (target,), expect, via)
    (check,) = check_tests([test], CELLS, HOSTS)
    assert passed == check.passed
    assert passed == (not check.detail)


def test_a_line_that_fails_says_what_the_proof_said() -> None:
    predicted = Predicted(False, ("a",), "r drops it")
    blocked = Cell(Key("a", "b", 4), predicted, Measured(False))
    (check,) = check_tests([TestSpec(("a",), ("b",), Expect.REACHABLE)], [blocked], HOSTS)
    assert check.detail == "IPv4: it is unreachable: r drops it"


def test_a_line_about_what_was_not_measured_does_not_hold() -> None:
    test = TestSpec(("a",), ("192.168.1.0/25",), Expect.REACHABLE)
    (check,) = check_tests([test], CELLS[:2], HOSTS, [Key("a", "lan:b", 4)])
    assert (check.passed, check.detail) == (False, "not measured: the proof does not judge it")


def test_groups_are_tested_pair_by_pair() -> None:
    test = TestSpec(("a", "b"), ("a", "b"), Expect.REACHABLE)
    assert [check.passed for check in check_tests([test], CELLS, HOSTS)] == [True, False]


def test_an_unallocated_address_is_found_from_above() -> None:
    pool = P("10.0.0.0/29")
    used = {P("10.0.0.6")}
    assert unallocated(pool, used) == "10.0.0.5"
    everyone = {P(f"10.0.0.{n}") for n in range(8)}
    assert unallocated(pool, everyone) is None
