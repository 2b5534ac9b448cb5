"""`meshc expire`: cron learns from the exit code and mails what is printed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from meshc.cli import main

HEAD = """\
meshc: 1
network: {name: demo, addresses: [10.44.0.0/24]}
nodes:
  hub: {role: relay, endpoint: hub.demo-vpn.net}
"""


@pytest.fixture
def near(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file with one who is out, and one who has ten days; the last day of the latter."""
    monkeypatch.chdir(tmp_path)
    today = datetime.now(UTC).date()
    out, soon = today - timedelta(days=1), today + timedelta(days=10)
    Path("mesh.yaml").write_text(f"{HEAD}  old: {{expires: {out}}}\n  phone: {{expires: {soon}}}\n")
    return soon.isoformat()


def test_those_who_leave_are_named_with_their_days(near: str) -> None:
    done = CliRunner().invoke(main, ["expire", "--within", "30d"])
    assert done.exit_code == 3
    first, second, hint = done.output.splitlines()
    assert first.startswith("old: expired yesterday")
    assert second == f"phone: 10 days are left ({near})"
    assert "meshc remove" in hint


def test_a_nearer_horizon_leaves_out_the_later_one(near: str) -> None:
    done = CliRunner().invoke(main, ["expire", "--within", "9d", "--json"])
    assert done.exit_code == 3
    assert [one["node"] for one in json.loads(done.output)["expiring"]] == ["old"]


def test_nobody_is_no_output(tmp_path: Path) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text(HEAD)
    done = CliRunner().invoke(main, ["expire", str(file)])
    assert (done.exit_code, done.output) == (0, "")
