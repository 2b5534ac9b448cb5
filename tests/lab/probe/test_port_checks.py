"""Trials of ports against the proof, as checks: one for each rule, one for the rest."""

from __future__ import annotations

from meshc.lab.probe.port_checks import PortTrials, TriedPort
from meshc.lab.probe.port_trial import PortAnswer
from meshc.lab.report.lab_report import Check, Key, Predicted
from meshc.topology.obligations.access import Access
from tests.support.policy_networks import policy_network

TEXT = """
meshc: 1
network: {name: n, addresses: 10.44.0.0/24}
nodes:
  hub: {role: relay, endpoint: hub.example-vpn.dev}
  a: {}
  b: {}
policies:
  - {from: a, to: b, allow: tcp/22}
  - {from: b, to: a, allow: [udp/53, icmp]}
"""
YES, NO = Predicted(True), Predicted(False, reason="b drops it")
HEARD, REFUSED = PortAnswer(True, "b"), PortAnswer(True, error="Connection refused")
SILENT = PortAnswer(error="no answer")


def tried(port: int, predicted: Predicted, answer: PortAnswer, rules: set[int]) -> TriedPort:
    return TriedPort(Key("a", "b", 4), ("tcp", port), predicted, answer, frozenset(rules), "b")


def checks(*trials: TriedPort) -> list[Check]:
    network = policy_network(TEXT)
    access = Access.of(network.spec, network.analysis.allocation.addresses)
    return list(PortTrials(access, trials).checks())


def test_what_is_as_proven_passes_rule_by_rule() -> None:
    found = checks(
        tried(22, YES, HEARD, {0}), tried(23, NO, SILENT, {0}), tried(53, NO, SILENT, set())
    )
    assert [check.name for check in found] == [
        "rule in line 9 (tcp/22): 1 trials pass, 1 do not",
        "rule in line 10 (udp/53, icmp): 0 trials pass, 0 do not",
        "what no rule speaks of: 0 trials pass, 1 do not",
    ]
    assert all(check.passed for check in found)
    assert {check.group for check in found} == {"policies"}


def test_whatever_differs_fails_and_is_told() -> None:
    found = checks(
        tried(22, YES, SILENT, {0}),
        tried(23, NO, HEARD, {0}),
        tried(24, NO, REFUSED, {0}),
        tried(25, YES, PortAnswer(True, "c"), {0}),
        tried(26, NO, PortAnswer(True, "?"), set()),
    )
    assert [check.passed for check in found] == [False, True, False]
    assert found[0].detail == (
        "a → b tcp/22 (IPv4) does not pass (no answer), although it is proven to; "
        "a → b tcp/23 (IPv4) passes, although the proof says: b drops it; "
        "a → b tcp/24 (IPv4) passes, although the proof says: b drops it; and 1 more"
    )


def test_a_server_that_says_no_name_counts_as_the_one_that_was_meant() -> None:
    (found, *_) = checks(tried(22, YES, PortAnswer(True, "?"), {0}))
    assert found.passed


def test_somebody_else_who_answers_is_wrong() -> None:
    assert tried(22, YES, PortAnswer(True, "c"), {0}).problem == "is answered by c"


def test_the_lines_of_tests_get_what_was_reached() -> None:
    trials = PortTrials(None, (tried(22, YES, HEARD, set()), tried(23, NO, SILENT, set())))
    assert trials.reached() == {Key("a", "b", 4): {("tcp", 22): True, ("tcp", 23): False}}
    assert [check.name for check in trials.checks()] == ["ports of tests: 1 trials pass, 1 do not"]
