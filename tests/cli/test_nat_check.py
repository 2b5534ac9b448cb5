"""`meshc nat`: what two NATs are, in words and for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from meshc.cli import main
from meshc.deploy import fleet_status
from meshc.deploy.fleet_status import FleetStatus, NodeView, PeerView
from meshc.wg.endpoint import Endpoint
from tests.support.workspaces import write_topology

TEXT = """
meshc: 1
network: {name: n, addresses: [10.44.0.0/24], agent: true}
nodes:
  r1: {role: relay, endpoint: 203.0.113.1}
  r2: {role: relay, endpoint: 203.0.113.2}
  a: {nat: unknown}
  b: {nat: port_restricted}
"""


def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ports: dict[str, tuple[int, int]],
        *args: str) -> Any:  # fmt: skip
    """`ports` are those at which the two relays see a node."""
    seen: list[Any] = []

    async def ask(spec: Any, dial: Any, names: Any) -> FleetStatus:
        seen.extend(names)
        return FleetStatus(
            {
                f"r{n}": NodeView(
                    f"r{n}",
                    trouble="no route to host" if not ports else "",
                    peers={
                        name: PeerView("live", 1.0, Endpoint("198.51.100.1", both[n - 1]))
                        for name, both in ports.items()
                    },
                )
                for n in (1, 2)
            }
        )

    monkeypatch.setattr(fleet_status, "ask_fleet", ask)
    file = write_topology(tmp_path, TEXT)
    done = CliRunner().invoke(main, ["nat", str(file), *args])
    assert sorted(seen) == ["a", "b", "r1", "r2"] or done.exit_code > 2 or not seen
    return done


def test_a_pair_that_can_meet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    done = run(monkeypatch, tmp_path, {"a": (7, 7), "b": (8, 8)}, "a", "b")
    assert done.exit_code == 0
    assert "a (nat: unknown in the file): r1 sees 198.51.100.1:7, r2 sees" in done.output
    assert done.output.splitlines()[-1] == "a ↔ b: their NATs let them meet"


def test_a_pair_that_stays_with_the_relays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    done = run(monkeypatch, tmp_path, {"a": (7, 9), "b": (8, 8)}, "a", "b", "--json")
    assert done.exit_code == 1
    report = json.loads(done.output)
    assert report["nodes"]["a"]["symmetric"] is True
    assert report["meets"] is False
    assert "gives every peer another port" in report["verdict"]


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    done = run(monkeypatch, tmp_path, {}, "a", "b")
    assert done.exit_code == 2
    assert "r1 did not answer: no route to host" in done.output


def test_a_node_that_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert "has no node 'zzz'" in run(monkeypatch, tmp_path, {}, "a", "zzz").output
