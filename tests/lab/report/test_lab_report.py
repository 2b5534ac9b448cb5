from __future__ import annotations

import json
from dataclasses import replace

import pytest

from meshc.lab.report.lab_report import (
    Cell,
    Check,
    Key,
    LabReport,
    Measured,
    Predicted,
    axes,
    compare,
    count,
    disagreements,
)

AB = Key("a", "b", 4)
DIRECT = Predicted(True, ("a", "b"))
RELAYED = Predicted(True, ("a", "relay", "b"))
BLOCKED = Predicted(False, ("a",), "b drops it")


@pytest.mark.parametrize(
    ("predicted", "measured", "problem"),
    [
        pytest.param(DIRECT, Measured(True, ("a", "b")), None, id="as-predicted"),
        pytest.param(BLOCKED, Measured(False), None, id="blocked-as-predicted"),
        pytest.param(DIRECT, Measured(False), "nothing came back", id="lost"),
        pytest.param(BLOCKED, Measured(True), "arrives, although", id="unexpected"),
        pytest.param(RELAYED, Measured(True, ("a", "b")), "took a → b", id="other-path"),
        pytest.param(RELAYED, Measured(True, None), None, id="path-not-traced"),
        pytest.param(DIRECT, Measured(True, tcp=False), "TCP does not", id="tcp"),
        pytest.param(
            replace(DIRECT, tcp=False), Measured(True, ("a", "b"), tcp=False), None, id="ping-alone"
        ),
        pytest.param(
            replace(DIRECT, tcp=False),
            Measured(True, ("a", "b"), tcp=True),
            "TCP passes",
            id="open",
        ),
        pytest.param(DIRECT, Measured(True, mtu=1420, mtu_ok=False), "1420 bytes", id="mtu"),
    ],
)
def test_what_counts_as_a_disagreement(
    predicted: Predicted, measured: Measured, problem: str | None
) -> None:
    found = list(disagreements(predicted, measured))
    assert (problem is None) == (not found)
    assert problem is None or problem in found[0]


def test_a_relay_may_be_silent_where_its_words_do_not_get_back() -> None:
    """Found by the agreement run: the source does not accept the relay's own address."""
    silent = {AB: Measured(True, ("a", "?", "b"))}
    (cell,) = compare({AB: RELAYED}, silent)
    assert "took a → ? → b" in cell.problems[0]
    (cell,) = compare({AB: RELAYED}, silent, {Key("relay", "a", 4)})
    assert cell.ok


def test_what_was_not_measured_is_a_problem() -> None:
    (cell,) = compare({AB: DIRECT}, {})
    assert "not measured" in cell.problems[0]


def test_kinds_and_counts() -> None:
    lan = Cell(Key("a", "lan:b", 4), Predicted(True, ("a", "b", "lan:b")), Measured(True))
    cells = [
        Cell(AB, DIRECT, Measured(True)),
        Cell(AB, RELAYED, Measured(True)),
        Cell(AB, BLOCKED, Measured(False)),
        Cell(AB, DIRECT, Measured(False), ("lost",)),
        lan,
    ]
    assert count(cells) == {"direct": 2, "relayed": 1, "blocked": 1, "broken": 0, "wrong": 1}
    assert lan.relays == 0


def test_lan_hosts_are_columns_after_the_nodes() -> None:
    keys = [Key("b", "a", 4), Key("a", "lan:a", 4), Key("a", "b", 4)]
    cells = [Cell(key, DIRECT, Measured(True)) for key in keys]
    assert axes(cells) == (["a", "b"], ["a", "b", "lan:a"])


def a_report(*cells: Cell, checks: tuple[Check, ...] = ()) -> LabReport:
    return LabReport(network="n", file="mesh.yaml", engines={"a": "x"}, cells=cells, checks=checks)


def test_one_wrong_cell_or_check_fails_the_report() -> None:
    good, bad = Cell(AB, DIRECT, Measured(True)), Cell(AB, DIRECT, Measured(False), ("lost",))
    assert a_report(good).passed
    assert not a_report(good, bad).passed
    assert not a_report(good, checks=(Check("exit", "no leak", False, "IPv6"),)).passed


def test_failures_are_sentences_and_json_holds_everything() -> None:
    bad = Cell(AB, DIRECT, Measured(False), ("lost",))
    report = a_report(bad, checks=(Check("exit", "no leak", False, "IPv6 TCP"),))
    expected = ["a → b (IPv4): lost", "exit: no leak: IPv6 TCP"]
    assert expected == list(report.failures())
    plain = json.loads(json.dumps(report.to_dict()))
    assert expected == plain["failures"]
    assert plain["pairs"][0]["predicted"]["path"] == ["a", "b"]


@pytest.mark.parametrize(
    ("group", "verdict"),
    [
        ("tests", "measured equals proven, but a line of tests: fails"),
        ("exit", "measured differs from the proof"),
    ],
)
def test_the_verdict_tells_the_file_s_wishes_from_the_proof(group: str, verdict: str) -> None:
    failed = a_report(checks=(Check(group, "x", False, "y"),))
    assert failed.verdict == verdict
    assert not failed.passed
    assert a_report(checks=(Check(group, "x", True),)).verdict == "measured equals proven"


def test_what_the_topology_asks_for_and_is_lost_as_proven_is_broken() -> None:
    """Nothing differs, and yet a CI must not take it for a network that works."""
    lost = Cell(AB, replace(BLOCKED, owed=True), Measured(False))
    apart = Cell(Key("p", "q", 4), BLOCKED, Measured(False))
    report = a_report(lost, apart)
    assert (lost.kind, apart.kind) == ("broken", "blocked")
    assert (report.agrees, report.passed, report.code) == (True, False, 3)
    assert report.verdict == "measured equals proven, and the network is broken"
    assert list(report.failures()) == ["a → b (IPv4): proven broken: b drops it"]
    assert report.failure_groups() == [("proven broken: b drops it", [AB])]
    assert report.blocked() == {"b drops it": [apart.key]}
    assert a_report(apart).code == 0
    wrong = Cell(AB, DIRECT, Measured(False), ("lost",))
    assert a_report(lost, wrong).code == 1


def test_a_check_that_fails_as_proven_is_broken_too() -> None:
    unanswered = Check("dns", "a asks b", False, "nobody has it", proven=True)
    assert a_report(checks=(unanswered,)).code == 3
    assert a_report(checks=(replace(unanswered, proven=False),)).code == 1


def test_next_steps_begin_at_what_is_wrong() -> None:
    blocked = Cell(Key("p", "q", 4), BLOCKED, Measured(False))
    wrong = Cell(AB, DIRECT, Measured(False), ("nothing came back",))
    lan = Cell(Key("a", "lan:b", 4), DIRECT, Measured(False), ("nothing came back",))
    assert a_report(blocked, wrong).next_steps()[0] == "meshc explain mesh.yaml a b"
    assert a_report(lan).next_steps() == ("meshc lab up mesh.yaml", "meshc lab exec a -- wg")
    assert a_report(blocked).next_steps() == ()


def test_the_commonest_reason_comes_first() -> None:
    other = Cell(Key("x", "y", 4), Predicted(False, ("x",), "no route"), Measured(False))
    cells = [Cell(Key("a", n, 4), BLOCKED, Measured(False)) for n in "bc"]
    assert list(a_report(other, *cells).blocked()) == ["b drops it", "no route"]
