"""A relay that is to be empty says so, and who is left is named."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from meshc.agent.draining import drain_mark, request_drain
from meshc.agent.path_status import PathStatus
from meshc.errors import NodeError


def test_only_a_relay_with_an_agent_can_drain(tmp_path: Path) -> None:
    with pytest.raises(NodeError, match="no relay whose leaves have agents"):
        request_drain("wg0", wanted=True, wait=0, run_directory=tmp_path)
    PathStatus({"r1": "live"}, "r1").save("wg0", tmp_path)
    with pytest.raises(NodeError, match="no relay whose leaves have agents"):
        request_drain("wg0", wanted=True, wait=0, run_directory=tmp_path)
    assert not drain_mark("wg0", tmp_path).exists()


def test_it_waits_until_the_last_leaf_has_gone(tmp_path: Path) -> None:
    PathStatus({"r2": "live"}, leaves=("a", "b")).save("wg0", tmp_path)
    gone = threading.Timer(
        0.3, lambda: PathStatus({"r2": "live"}, draining=True).save("wg0", tmp_path)
    )
    gone.start()
    assert request_drain("wg0", wanted=True, wait=60, run_directory=tmp_path) == ()
    assert drain_mark("wg0", tmp_path).exists()
    gone.join()
    assert request_drain("wg0", wanted=False, wait=0, run_directory=tmp_path) == ()
    assert not drain_mark("wg0", tmp_path).exists()


def test_who_stays_is_named(tmp_path: Path) -> None:
    PathStatus({"r2": "dead"}, leaves=("a",), draining=True).save("wg0", tmp_path)
    assert request_drain("wg0", wanted=True, wait=0.2, run_directory=tmp_path) == ("a",)
