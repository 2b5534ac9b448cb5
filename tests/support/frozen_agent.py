"""The loop on a node, stopped: what somebody breaks stays broken, for tests of who else sees it."""

from __future__ import annotations

import json
import os
import signal

from meshc.node.system import agent_process, processes
from tests.support.netns import Namespace


def freeze_agent(box: Namespace, interface: str = "wg0") -> None:
    """It is there, and does nothing any more."""
    token = json.loads(box.shell(f"cat /run/meshc/{interface}.json"))["token"]
    for pid in processes.find(agent_process.token(token)):
        os.kill(pid, signal.SIGSTOP)
