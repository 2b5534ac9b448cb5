"""Events come at once, and only when something changed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.netns import Namespace, namespaces, needs_root, require

pytestmark = needs_root

SCRIPT = """
import sys, time
from meshc.agent.kernel_events import KernelEvents
with KernelEvents() as events:
    print("ready", flush=True)
    for line in sys.stdin:
        print(events.wait(float(line)), flush=True)
"""


class Listener:
    def __init__(self, box: Namespace) -> None:
        self.process = box.start(
            sys.executable, "-c", SCRIPT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.line()

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def wait(self, seconds: float) -> bool:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        return self.line() == "True"


@pytest.mark.parametrize(
    "change",
    [
        "ip link add v7 type veth peer name v8",
        "ip rule add fwmark 7 lookup 777",
        "ip -6 rule add fwmark 7 lookup 777",
        "ip route add 198.51.100.0/24 dev eth0",
        "ip -6 route add 2001:db8:7::/48 dev eth0",
        "nft add table inet other",
        "nft flush ruleset",
    ],
)
def test_a_change_is_told_at_once_and_nothing_else_is(change: str, tmp_path: Path) -> None:
    require("nft")
    with namespaces("box") as (box,):
        box.shell("ip link add eth0 type veth peer name eth1; ip addr add 192.0.2.1/24 dev eth0")
        box.shell("ip link set eth0 up; ip link set eth1 up; nft add table inet mine; sleep 0.3")
        listener = Listener(box)
        with listener.process:  # closes its pipes, which ends it
            while listener.wait(0.5):  # the links settle
                pass
            box.shell(change)
            before = time.monotonic()
            assert listener.wait(20)
            assert time.monotonic() - before < 5
            assert not listener.wait(0.3)
