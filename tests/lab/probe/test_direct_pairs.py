"""A lab with agents measures direct pairs where the prediction of the files has relays."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from meshc.lab.lab_session import open_session
from meshc.lab.lab_source import prepare
from meshc.lab.probe.direct_pairs import check_direct, with_direct
from meshc.lab.report.lab_report import Key, Predicted
from meshc.lab.run import run_test
from meshc.topology.language.spec import Nat
from tests.support import specs

MESH = """
meshc: 1
network: {name: meet, addresses: [10.44.0.0/24], agent: true}
nodes:
  r1: {role: relay, endpoint: 203.0.113.1}
  a: {nat: port_restricted}
  b: {nat: port_restricted}
  c: {nat: symmetric}
  d: {nat: port_restricted}
policies:
  - {from: [a, b], to: [a, b], allow: [icmp, tcp/22]}
  - {from: [a, c], to: d, allow: tcp/80}
  - {from: b, to: c, allow: icmp}
tests:
  - {from: a, to: b, port: tcp/22, expect: reachable}
  - {from: [a, b], to: [a, b], port: tcp/23, expect: unreachable}
  - {from: b, to: d, expect: unreachable}
"""


def test_a_direct_pair_needs_no_relay_and_the_others_do() -> None:
    key, through = Key("x", "b", 4), ("x", "a", "r1", "r2", "b")
    direct = {frozenset("ab"): "", frozenset("ac"): "relayed: test"}
    found = with_direct({key: Predicted(True, path=through)}, direct, {"r1", "r2"})
    assert found[key].path == ("x", "a", "b")
    other = Key("a", "c", 4)
    found = with_direct({other: Predicted(True, path=("a", "r1", "c"))}, direct, {"r1", "r2"})
    assert found[other].path == ("a", "r1", "c")


def test_a_pair_that_could_meet_and_does_not_is_a_failure() -> None:
    kinds = {"a": Nat.PORT_RESTRICTED, "b": Nat.PORT_RESTRICTED, "c": Nat.SYMMETRIC}
    some = {name: specs.node(name, nat=nat, agent=True) for name, nat in kinds.items()}
    session: Any = SimpleNamespace(
        source=SimpleNamespace(spec=SimpleNamespace(nodes=some, policies=None))
    )
    good = check_direct(session, {frozenset("ab"): "", frozenset("ac"): "relayed: test"}, 1.0)
    assert good.passed
    assert good.name == "1 of 2 pairs have found a direct path"
    bad = check_direct(session, {frozenset("ab"): "relayed: test"}, 1.0)
    assert not bad.passed
    assert bad.detail == "a ↔ b: relayed: test"


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed")
@pytest.mark.slow(seconds=40)
def test_a_pair_behind_two_nats_is_direct_in_the_lab_and_all_else_as_proven(tmp_path: Path) -> None:
    """Under policies: agents hear each other, what is direct is filtered at the receiver, and who
    may not speak finds nobody."""
    mesh = tmp_path / "mesh.yaml"
    mesh.write_text(MESH)
    session = open_session(prepare(mesh, None, lambda _: None), agents=True)
    with session.lab:
        report = run_test(session)
    assert report.code == 0, [check for check in report.checks if not check.passed]
    (found,) = (check for check in report.checks if check.group == "direct")
    assert found.name == "2 of 2 pairs have found a direct path"
    ports = [check for check in report.checks if check.group == "policies"]
    assert ports
    paths = {(cell.key.source, cell.key.target): cell.measured.path for cell in report.cells}
    assert paths["a", "b"] == ("a", "b")
    assert paths["b", "c"] == ("b", "r1", "c")
    assert paths["b", "d"] is None
