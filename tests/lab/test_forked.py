from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from meshc.errors import NodeError
from meshc.lab.commands import RunCommand
from meshc.lab.forked import ForkedBundled, forking_backend
from meshc.lab.lab_session import open_session
from meshc.lab.lab_source import prepare
from meshc.lab.node_jobs import BringUp, TakeDown
from meshc.lab.world.control import Lab
from meshc.node.backends import KERNEL, backend
from tests.support.running import processes_of

EXAMPLES = Path(__file__).parents[2] / "examples" / "topologies"


def test_only_the_bundled_engine_is_another_one() -> None:
    assert isinstance(forking_backend("bundled"), ForkedBundled)
    assert not isinstance(backend("bundled"), ForkedBundled)
    assert forking_backend(KERNEL).name == KERNEL
    with pytest.raises(NodeError, match="there is no engine 'wire'"):
        forking_backend("wire")


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed")
def test_a_restarted_engine_leaves_nothing_of_the_old_one() -> None:
    """A child that did not end for good once ran on into its parent's clean-up code."""
    session = open_session(prepare(EXAMPLES / "client-server" / "mesh.yaml", None, lambda _: None))
    with session.lab as lab:
        # process 1, a holder for each of three machines, an engine for each of two nodes
        _settle(lab, 1 + 3 + 2)
        for _ in range(3):
            for name in ("client", "server"):
                lab.call(name, TakeDown("wg0"))
                lab.call(name, BringUp("wg0", "bundled"))
        look = RunCommand(("sh", "-c", "cat /run/meshc/wg0.log; ip -br link show wg0"))
        found = lab.call("client", look).output
        _settle(lab, 1 + 3 + 2)
    assert "Error" not in found
    assert found.startswith("wg0 ")


def _settle(lab: Lab, processes: int, patience: float = 60.0) -> None:
    """Who answers on the control socket ends after its answer has come: so not at once."""
    deadline = time.monotonic() + patience
    while len(processes_of(lab.state)) != processes:
        assert time.monotonic() < deadline, f"not {processes}: {processes_of(lab.state)}"
        time.sleep(0.02)
