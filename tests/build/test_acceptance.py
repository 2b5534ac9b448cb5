"""A warning that the file accepts stays visible, with its reason, and `--strict` passes over it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from meshc.build.check import check_text
from meshc.cli import main
from meshc.diagnostics import Severity

HEAD = """\
meshc: 1
network: {name: demo, addresses: [10.44.0.0/24]}
nodes:
  hub: {role: relay, endpoint: hub.demo-vpn.net}
  a: {}
  b: {}
"""


def accepted(lines: str) -> list[tuple[str, str, str]]:
    checked = check_text(HEAD + f"accept: [{lines}]\n", file="mesh.yaml", proof=True)
    return [(one.code, one.severity.value, one.accepted) for one in checked.findings]


def test_an_accepted_warning_is_a_remark_with_its_reason() -> None:
    assert accepted("") == [("W220", "warning", "")]
    assert accepted("{code: W220, why: one is enough}") == [("W220", "info", "one is enough")]
    assert accepted("{code: W220, node: hub, why: x}") == [("W220", "info", "x")]
    assert accepted("{code: W220, node: a, why: named in the message}")[0][1] == "info"


def test_what_is_about_another_node_is_not_accepted_and_the_line_is_said_to_be_idle() -> None:
    text = HEAD + "  c: {endpoint: c.demo-vpn.net}\naccept: [{code: W220, node: c, why: x}]\n"
    found = check_text(text, file="mesh.yaml", proof=True).findings
    assert sorted((one.code, one.severity) for one in found) == [
        ("W136", Severity.WARNING),
        ("W220", Severity.WARNING),
    ]


def test_without_the_proof_nobody_can_say_that_a_line_is_idle() -> None:
    text = HEAD + "accept: [{code: W443, why: x}]\n"
    found = check_text(text, file="mesh.yaml", proof=False).findings
    assert [one.code for one in found] == ["W220"]


@pytest.mark.parametrize("code", ["E110", "I151", "W000", "220", "w220"])
def test_only_warnings_can_be_accepted(code: str) -> None:
    checked = check_text(HEAD + f"accept: [{{code: {code}, why: x}}]\n", file="mesh.yaml")
    assert {one.code for one in checked.findings} <= {"E112", "E113"}
    assert checked.spec is None


def test_a_reason_is_needed() -> None:
    checked = check_text(HEAD + "accept: [{code: W220}]\n", file="mesh.yaml")
    assert [one.code for one in checked.findings] == ["E111"]


def test_strict_passes_over_it_in_every_command(tmp_path: Path) -> None:
    file = tmp_path / "mesh.yaml"
    for text, code in ((HEAD, 1), (HEAD + "accept: [{code: W220, why: meant}]\n", 0)):
        file.write_text(text)
        for command in ("validate", "build", "verify"):
            done = CliRunner().invoke(main, [command, str(file)])
            assert done.exit_code == 0, done.output
            if command != "build":
                done = CliRunner().invoke(main, [command, str(file), "--strict"])
                assert done.exit_code == code, (command, done.output)
        assert ("accepted: meant" in done.output) == (code == 0)
