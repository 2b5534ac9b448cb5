"""`meshc verify` on the command line."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from meshc.build.pipeline import compile_file
from meshc.cli import main
from tests.support.workspaces import STAR, write_topology

TESTS = """\
tests:
  - {from: laptop, to: phone, expect: reachable, via: hub}
"""


def run(*args: object) -> Result:
    return CliRunner().invoke(main, [str(arg) for arg in args])


@pytest.fixture
def built(tmp_path: Path) -> Path:
    file = write_topology(tmp_path, STAR + TESTS)
    compile_file(file)
    return file


def spoil(file: Path) -> None:
    """Switches the relay's forwarding rule off."""
    path = file.parent / "build/hub/wg0.conf"
    path.write_text(path.read_text().replace("-i %i -o %i -j ACCEPT", "-i %i -o %i -j DROP"))


def test_a_proof_that_holds(built: Path) -> None:
    result = run("verify", built)
    assert result.exit_code == 0, result.output
    lines = result.output.split("\n")
    assert lines[0].split() == ["from", "\\", "to", "1", "2", "3"]
    assert lines[2].split() == ["2", "laptop", "●", "A"]
    assert "IPv4: 6 ordered pairs, all arrive; 4 direct, 2 through relays." in lines
    assert "The proof holds." in lines


def test_a_proof_that_fails(built: Path) -> None:
    spoil(built)
    result = run("verify", built)
    assert result.exit_code == 1
    for text in (
        "The proof fails.",
        "IPv6: 6 ordered pairs, 2 lost",
        "laptop → phone: hub drops it: its rule `-i %i -o %i -j DROP`",
        "laptop → phone is not reachable over IPv4",
        "W423",
    ):
        assert text in result.output
    assert result.output.split("\n")[2].split() == ["2", "laptop", "●", "×"]


def test_nothing_to_prove(tmp_path: Path) -> None:
    result = run("verify", write_topology(tmp_path))
    assert result.exit_code == 2
    assert "holds no build" in result.output
    assert "meshc build" in result.output


def test_warnings_count_when_strict(built: Path) -> None:
    assert run("verify", built, "--strict").exit_code == 1


def test_a_topology_that_cannot_be_used(built: Path) -> None:
    built.write_text("meshc: 1\nnonsense: 2\n")
    result = run("verify", built, "--format", "json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["findings"]


def test_json(built: Path) -> None:
    spoil(built)
    data = json.loads(run("verify", built, "--format", "json").stdout)
    assert {found["code"] for found in data["findings"]} >= {"E409", "E419", "W423"}


def test_sarif_places_findings_in_the_emitted_file(built: Path) -> None:
    spoil(built)
    data = json.loads(run("verify", built, "--format", "sarif").stdout)
    results = data["runs"][0]["results"]
    uris = {
        place["physicalLocation"]["artifactLocation"]["uri"]
        for result in results
        for place in result.get("locations", ())
    }
    assert any(uri.endswith("build/hub/wg0.conf") for uri in uris)


def test_junit_has_a_case_for_each_test(built: Path) -> None:
    suite = ET.fromstring(run("verify", built, "--format", "junit").stdout)
    names = [case.get("name") for case in suite.iter("testcase")]
    assert "all 6 ordered pairs arrive over IPv4" in names
    assert "laptop → phone: reachable via hub" in names
    spoil(built)
    broken = ET.fromstring(run("verify", built, "--format", "junit").stdout)
    names = [case.get("name") for case in broken.iter("testcase")]
    assert "laptop → phone: reachable via hub" not in names
    assert int(broken.get("failures", "0")) >= 2


def test_github_annotations(built: Path) -> None:
    spoil(built)
    lines = run("verify", built, "--format", "github").stdout.split("\n")
    assert any(line.startswith("::error ") and "hub/wg0.conf" in line for line in lines)


def test_no_key_is_printed(built: Path) -> None:
    spoil(built)
    keys = {path.read_text().split("\n")[-2] for path in (built.parent / "keys").glob("*.key")}
    assert all(keys)
    assert keys
    for form in ("text", "json", "sarif", "junit", "github"):
        output = run("verify", built, "--format", form).output
        assert not any(key in output for key in keys)
