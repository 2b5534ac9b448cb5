"""`meshc build` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from meshc.cli import main
from tests.support.workspaces import LEAF, STAR, snapshot, write_topology


def run(*args: object) -> Result:
    return CliRunner().invoke(main, [str(arg) for arg in args])


def test_the_report_names_nodes_paths_changes_and_what_to_do(tmp_path: Path) -> None:
    file = write_topology(tmp_path)
    result = run("build", file)
    assert result.exit_code == 0, result.output
    for text in (
        "testnet: 3 nodes, 2 links",
        "hub.example-vpn.dev:51820",
        "● direct, A through hub",
        "IPv4: 6 pairs walked, all arrive; 4 direct, 2 through relays.",
        "3 added",
        f"scan it:\n      meshc qr {file} phone\n",
        "copy it to /etc/wireguard/ there, then\n      wg-quick up wg0\n",
        "3 new keys in keys/",
        f"meshc lab test {file}",
    ):
        assert text in result.output


def test_nothing_changed_says_so(tmp_path: Path) -> None:
    file = write_topology(tmp_path)
    run("build", file)
    result = run("build", file)
    assert "Nothing changed: 7 files in" in result.output
    assert "Next" not in result.output


def test_changes_say_who_must_be_touched(tmp_path: Path) -> None:
    file = write_topology(tmp_path)
    run("build", file)
    file.write_text(STAR + LEAF)
    output = run("build", file).output
    assert "1 added, 1 changed" in output
    assert "peer + tablet; routes" in output
    assert "wg-quick down" not in output, "`meshc plan` says the same: peers only"
    assert "wg syncconf wg0" in " ".join(output.split())
    assert "laptop: changed" not in output


def test_json_holds_the_same(tmp_path: Path) -> None:
    file = write_topology(tmp_path)
    data = json.loads(run("build", file, "--json").stdout)
    assert [node["name"] for node in data["nodes"]] == ["hub", "laptop", "phone"]
    assert data["pairs"]["ipv4"] == {
        "all": 6,
        "delivered": 6,
        "direct": 4,
        "apart": 0,
        "unjudged": 0,
        "lost": 0,
    }
    assert {file["mode"] for file in data["files"]} == {"0600", "0644"}
    assert {change["action"] for change in data["changes"]} == {"install"}


def test_errors_are_on_stderr_with_their_place(tmp_path: Path) -> None:
    file = write_topology(tmp_path, STAR.replace("role: relay", "rolle: relay"))
    result = run("build", file)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert f"{file}:6:" in result.stderr
    assert "Nothing was written." in result.stderr
    assert list(snapshot(tmp_path)) == ["mesh.yaml"]


def test_a_missing_file_is_said_plainly(tmp_path: Path) -> None:
    result = run("build", tmp_path / "none.yaml")
    assert result.exit_code == 2
    assert "there is no file" in result.stderr
    assert "meshc init" in result.stderr


def test_a_dry_run_says_what_would_change(tmp_path: Path) -> None:
    file = write_topology(tmp_path)
    result = run("build", file, "--dry-run")
    assert "would be written" in result.output
    assert list(snapshot(tmp_path)) == ["mesh.yaml"]


def test_another_directory(tmp_path: Path) -> None:
    file = write_topology(tmp_path)
    run("build", file, "-o", tmp_path / "a" / "b")
    assert (tmp_path / "a/b/manifest.json").exists()
    assert not (tmp_path / "build").exists()


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_no_secret_is_printed(tmp_path: Path, flags: tuple[str, ...]) -> None:
    file = write_topology(tmp_path)
    output = run("build", file, *flags).output + run("keys", "list", file, *flags).output
    for path in (tmp_path / "keys").iterdir():
        for line in path.read_text().splitlines():
            assert line == "*" or line.startswith("#") or line not in output


RULES = """\
groups: {apps: [laptop, phone]}
policies:
  - {from: apps, to: hub, allow: [tcp/443, icmp]}
"""


def test_what_a_change_of_policies_opens_and_closes_is_told(tmp_path: Path) -> None:
    """Against the build before; the first one, and one that changes none, say nothing."""
    file = write_topology(tmp_path, STAR + RULES)
    assert "Opens" not in run("build", file).output
    assert "Opens" not in run("build", file).output
    file.write_text(STAR + RULES.replace("tcp/443", "tcp/440-443"))
    output = run("build", file, "--dry-run").output
    assert "Opens something for 2 ordered pairs\n  + apps → hub: tcp/440-442\n" in output
    assert "Closes" not in output
    assert "Opens something for 2 ordered pairs" in run("build", file).output
    file.write_text(STAR + RULES.replace(", icmp", ""))
    data = json.loads(run("build", file, "--json").stdout)
    assert data["opens"] == []
    assert data["closes"] == [
        {"from": ["apps"], "to": ["hub"], "services": ["tcp/440-442", "icmp"]}
    ]


def test_the_first_policies_close_and_taking_them_away_opens(tmp_path: Path) -> None:
    file = write_topology(tmp_path)
    run("build", file)
    file.write_text(STAR + RULES)
    assert "Closes something for 6 ordered pairs" in run("build", file).output
    file.write_text(STAR)
    assert "Opens something for 6 ordered pairs" in run("build", file).output
    assert not (tmp_path / "build" / "policies.json").exists()
