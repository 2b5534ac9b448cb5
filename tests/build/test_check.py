"""The whole way in memory: nothing is written, and every stage has its say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from meshc.build import check
from meshc.build.check import check_file, check_text
from meshc.topology.planner.addressing.lock import Lock
from meshc.topology.planner.addressing.lock_text import format_lock

HEAD = "meshc: 1\nnetwork: {name: demo, addresses: 10.44.0.0/24}\n"
GOOD = HEAD + (
    "nodes:\n  hub: {role: relay, endpoint: hub.demo-vpn.net}\n  a: {}\n  b: {}\n"
    "tests:\n  - {from: a, to: b, via: hub}\n"
)


def test_a_good_file_is_proven_and_its_tests_are_named() -> None:
    checked = check_text(GOOD, file="f.yaml")
    assert checked.proven
    assert [found.code for found in checked.findings] == ["W220"]
    assert [case.name for case in checked.cases] == ["test 1: a -> b reachable"]
    assert not checked.unusable


def test_a_test_that_does_not_hold_is_a_finding_at_its_line() -> None:
    checked = check_text(GOOD.replace("via: hub", "via: direct"), file="f.yaml")
    (found,) = [found for found in checked.findings if found.code == "E419"]
    assert str(found.location) == "f.yaml:8:5"
    assert checked.cases == ()


def test_a_broken_network_is_not_proven() -> None:
    checked = check_text(HEAD + "nodes: {a: , b: }\n", file="f.yaml")
    assert "E200" in {found.code for found in checked.findings}
    assert not checked.proven
    assert checked.spec is not None


def test_the_proof_can_be_left_out_or_demanded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not check_text(GOOD, file="f", proof=False).proven
    monkeypatch.setattr(check, "PROOF_LIMIT", 1)
    assert not check_text(GOOD, file="f").proven
    assert check_text(GOOD, file="f", proof=True).proven


def test_every_finding_has_a_place_in_the_file() -> None:
    folder = Path(__file__).resolve().parent.parent.parent / "examples/topologies"
    findings = {
        str(path): check_file(str(path)).findings for path in sorted(folder.glob("*/mesh.yaml"))
    }
    assert any(findings.values()), "some examples have remarks"
    places = [(file, found.location) for file, told in findings.items() for found in told]
    assert [file for file, at in places if at is None or at.file != file] == []


def test_checking_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "mesh.yaml").write_text(GOOD, encoding="utf-8")
    check_file(str(tmp_path / "mesh.yaml"))
    assert [path.name for path in tmp_path.rglob("*")] == ["mesh.yaml"]


def test_the_lock_beside_the_file_counts(tmp_path: Path) -> None:
    path = tmp_path / "mesh.yaml"
    path.write_text(GOOD, encoding="utf-8")
    (tmp_path / "mesh.lock").write_text("<<<<<<< ours\n", encoding="utf-8")
    checked = check_file(str(path))
    assert "E311" in {found.code for found in checked.findings}
    (tmp_path / "mesh.lock").write_text(format_lock(Lock(network="demo")), encoding="utf-8")
    assert [found.code for found in check_file(str(path)).findings] == ["W220"]


@pytest.mark.parametrize("name", ["absent.yaml", "."])
def test_a_file_that_cannot_be_read_is_a_finding(name: str, tmp_path: Path) -> None:
    checked = check_file(str(tmp_path / name))
    assert [found.code for found in checked.findings] == ["E109"]
    assert checked.unusable


def test_other_processes_say_the_same(tmp_path: Path) -> None:
    """Whatever order their sets have."""
    (tmp_path / "mesh.yaml").write_text(GOOD.replace("via: hub", "via: direct"), encoding="utf-8")
    told = [
        subprocess.run(
            [sys.executable, "-m", "meshc", "validate", "mesh.yaml"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout
        for seed in ("0", "1", "2")
    ]
    assert "E419" in told[0]
    assert told == [told[0]] * 3
