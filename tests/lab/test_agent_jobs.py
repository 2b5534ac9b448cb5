"""The jobs about agents say what is missing. On real tunnels `probe/test_failover.py` runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshc.agent import path_status
from meshc.agent.path_status import PathStatus
from meshc.errors import NodeError
from meshc.lab.agent_jobs import AwaitPaths, KillNode


def test_waiting_ends_when_every_path_is_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    default = path_status.load_status
    monkeypatch.setattr(path_status, "load_status", lambda name: default(name, tmp_path))
    with pytest.raises(NodeError, match="the agent of wg0 does not hear everybody: None"):
        AwaitPaths("wg0", seconds=0.1).run()
    PathStatus({"r1": "dead"}, "r1").save("wg0", tmp_path)
    with pytest.raises(NodeError, match="'r1': 'dead'"):
        AwaitPaths("wg0", seconds=0.1).run()
    PathStatus({"r1": "live"}, "r1").save("wg0", tmp_path)
    AwaitPaths("wg0", seconds=0.1).run()


def test_who_is_not_up_cannot_be_killed() -> None:
    with pytest.raises(NodeError, match="nowhere0 is not up"):
        KillNode("nowhere0").run()
