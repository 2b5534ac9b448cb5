"""A deploy that restarts a relay, with idle leaves behind NAT: they are back within seconds."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.deploynet import TOPOLOGY, field
from tests.support.netns import needs_root, wait_until

pytestmark = [*needs_root, pytest.mark.slow]
HOMES = ("home1", "home2")


def test_a_relay_that_is_restarted_has_its_idle_leaves_back(tmp_path: Path) -> None:
    """Nobody sends anything, and the leaves keep their sessions for two minutes; the relay knows
    where they were, and begins."""
    with field(tmp_path, "hub", *HOMES) as net:
        text = "".join(line for line in TOPOLOGY.splitlines(True) if "public" not in line)
        net.write(text)
        net.build()
        net.deploy("--all")
        net.wait_for_traffic("hub", *HOMES)
        hub = net.machines["hub"]
        net.write(text.replace("role: relay,", "role: relay, mtu: 1380,"))
        net.build()
        began = time.monotonic()
        said = net.deploy("hub").stdout
        assert "restart" in said
        assert "hub: deployed" in said
        assert "have not answered again" not in said
        wait_until(lambda: "\t0\n" not in hub.shell("wg show wg0 latest-handshakes"), patience=15)
        assert time.monotonic() - began < 30  # the deploy itself, on a busy machine, and 15 s
