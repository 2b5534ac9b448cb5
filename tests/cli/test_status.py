"""`meshc status`: the table that people read, and the codes that monitoring reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from meshc import node
from meshc.agent.path_status import PathStatus
from meshc.cli import main
from meshc.cli.status import age_text, bytes_text
from meshc.deploy import fleet_status
from meshc.deploy.fleet_status import FleetStatus, NodeView, PeerView
from meshc.errors import StateError
from meshc.node import Health, Status, TunnelStatus

HUB = TunnelStatus(
    "hub", "KEY1", "192.0.2.1:51820", 12.0, 3_400_000, 900, 25, Health.LIVE, ("10.0.0.0/8",),
    ("phone", "tablet"),
)  # fmt: skip
BOB = TunnelStatus("bob", "KEY2", "", None, 0, 148, 25, Health.LOST, ("10.44.0.4/32",))
WELL = Status("wg0", True, "laptop", "kernel", addresses=("10.44.0.2/32",), mtu=1420, peers=(HUB,))


def look(monkeypatch: pytest.MonkeyPatch, found: Status, *args: str) -> Any:
    monkeypatch.setattr(node, "status", lambda name, **options: found)
    monkeypatch.setattr(node, "interfaces", lambda directory: (found.interface,))
    return CliRunner().invoke(main, ["status", *args], env={"COLUMNS": "160"})


def test_all_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    done = look(monkeypatch, WELL)
    assert done.exit_code == 0
    headline, titles, row = done.stdout.splitlines()[:3]
    assert headline.startswith("laptop (wg0): up · engine kernel · 10.44.0.2/32 · MTU 1420")
    assert titles.split()[:4] == ["peer", "state", "handshake", "endpoint"]
    for words in ("hub", "live", "12 s ago", "192.0.2.1:51820", "3.2 MiB", "900 B", "25 s"):
        assert words in row
    assert "phone, tablet" in row
    assert "KEY1" not in done.stdout


def test_a_lost_peer_and_drift_want_attention(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Status("wg0", True, peers=(BOB,), drift=("route 10.0.0.0/8 into wg0",))
    done = look(monkeypatch, found)
    assert done.exit_code == 1
    for words in ("bob", "lost", "never", "unknown yet", "meshc reload", "route 10.0.0.0/8"):
        assert words in done.stdout


def test_not_up_is_code_2(monkeypatch: pytest.MonkeyPatch) -> None:
    done = look(monkeypatch, Status("wg0", False, problems=("the engine has ended",)), "wg0")
    assert done.exit_code == 2
    assert "wg0: not up" in done.stdout
    assert "the engine has ended" in done.stdout


def test_json_has_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    done = look(monkeypatch, WELL, "--json")
    (report,) = json.loads(done.stdout)["interfaces"]
    assert report["peers"][0]["health"] == "live"
    assert report["peers"][0]["public_key"] == "KEY1"
    assert report["peers"][0]["reaches"] == ["phone", "tablet"]


def test_figures_for_prometheus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """They tell how it is; the exit code only whether they could be had."""
    found = Status("wg0", True, peers=(BOB,))
    done = look(monkeypatch, found, "--metrics")
    assert done.exit_code == 0
    assert 'meshc_session_lost{allowed_ips="10.44.0.4/32",friendly_name="bob"' in done.stdout
    file = tmp_path / "meshc.prom"
    written = look(monkeypatch, found, "--textfile", str(file))
    assert (written.exit_code, written.stdout) == (0, "")
    assert file.read_text() == done.stdout
    assert (file.stat().st_mode & 0o777, list(tmp_path.iterdir())) == (0o644, [file])
    unreadable = Status("wg0", False, unreadable=True)
    assert look(monkeypatch, unreadable, "--textfile", str(file)).exit_code == 3
    assert 'meshc_interface_status{interface="wg0"} 3.0' in file.read_text()


def test_figures_that_cannot_be_written_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    done = look(monkeypatch, WELL, "--textfile", str(tmp_path / "no" / "x.prom"))
    assert done.exit_code == 2
    assert "could not write" in done.stderr


def test_one_damaged_state_file_hides_nothing_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def status(name: str, **options: object) -> Status:
        if name == "wg1":
            raise StateError("wg1.json cannot be read", hint="remove it")
        return WELL

    monkeypatch.setattr(node, "status", status)
    monkeypatch.setattr(node, "interfaces", lambda directory: ("wg0", "wg1"))
    done = CliRunner().invoke(main, ["status"])
    assert done.exit_code == 3
    for words in ("laptop (wg0): up", "wg1: cannot be told", "cannot be read (remove it)"):
        assert words in done.stdout


def test_the_paths_of_an_agent_are_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    PathStatus({"r1": "dead", "r2": "live"}, "r2").save("wg0", tmp_path)
    done = look(monkeypatch, WELL, "--run-dir", str(tmp_path))
    assert "path by r2 (r1 dead, r2 live)" in done.stdout
    done = look(monkeypatch, WELL, "--run-dir", str(tmp_path), "--json")
    (report,) = json.loads(done.stdout)["interfaces"]
    assert report["paths"]["home"] == "r2"
    (report,) = json.loads(look(monkeypatch, WELL, "--json").stdout)["interfaces"]
    assert report["paths"] is None


def test_nothing_is_up(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["status", "--run-dir", str(tmp_path)])
    assert (done.exit_code, "no interface is up" in done.stdout) == (2, True)


def test_names_with_markup_are_only_text(monkeypatch: pytest.MonkeyPatch) -> None:
    odd = BOB.__class__("[red]x[/red]", "K", "", None, 0, 0, 0, Health.NEVER, ())
    assert "[red]x[/red]" in look(monkeypatch, Status("wg0", True, peers=(odd,))).stdout


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (7300, "2 h"), (200000, "2 d")],
)
def test_ages(seconds: float, text: str) -> None:
    assert age_text(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (3 << 30, "3.0 GiB"), (5 << 40, "5.0 TiB")],
)
def test_amounts(count: int, text: str) -> None:
    assert bytes_text(count) == text


def test_help_has_an_example() -> None:
    assert "Example" in CliRunner().invoke(main, ["status", "--help"]).stdout


def test_the_fleet_is_asked_and_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text(
        "meshc: 1\nnetwork: {name: n, addresses: [10.44.0.0/24]}\n"
        "nodes: {hub: {role: relay, endpoint: 198.51.100.1}, a: {}, phone: {platform: ios}}\n"
    )
    views = {
        "a": NodeView("a", up=True, home="hub"),
        "hub": NodeView("hub", up=True, peers={"a": PeerView("live"), "phone": PeerView("live")}),
        "phone": NodeView("phone", asked=False),
    }

    async def ask(spec: Any, dial: Any, names: Any) -> FleetStatus:
        return FleetStatus({name: views[name] for name in names})

    monkeypatch.setattr(fleet_status, "ask_fleet", ask)
    done = CliRunner().invoke(main, ["status", "--all", str(file)])
    assert done.exit_code == 0, "who cannot be asked is no trouble"
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["node", "a", "hub", "phone"]
    told = json.loads(
        CliRunner().invoke(main, ["status", "--all", str(file), "--json", "a"]).stdout
    )
    assert told["nodes"]["a"]["home"] == "hub"
    views["a"] = NodeView("a", trouble="no route to host")
    assert CliRunner().invoke(main, ["status", "--all", str(file)]).exit_code == 1
    wrong = CliRunner().invoke(main, ["status", "--all", str(file), "zzz"])
    assert "has no node 'zzz'" in wrong.output
