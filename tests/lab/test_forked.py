from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from meshc.lab.lab_session import open_session
from meshc.lab.lab_source import prepare
from tests.support.running import processes_of

EXAMPLES = Path(__file__).parents[2] / "examples" / "topologies"

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed"),
]


def test_a_restarted_engine_leaves_nothing_of_the_old_one() -> None:
    """A child that did not end for good once ran on into its parent's clean-up code."""
    session = open_session(prepare(EXAMPLES / "client-server" / "mesh.yaml", None, lambda _: None))
    with session.lab as lab:
        before = len(processes_of(lab.state))
        for _ in range(3):
            for name in ("client", "server"):
                args = {"interface": "wg0", "engine": "bundled"}
                lab.call(name, "meshc.lab.machines:take_down", args)
                lab.call(name, "meshc.lab.machines:bring_up", args)
        look = {"argv": ["sh", "-c", "cat /run/meshc/wg0.log; ip -br link show wg0"]}
        found = lab.call("client", "meshc.lab.machines:command", look)
        after = len(processes_of(lab.state))
    assert after == before
    assert "Error" not in found["output"]
    assert found["output"].startswith("wg0 ")
