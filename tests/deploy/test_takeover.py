"""docs/takeover.md: hand-written files go over to meshc, node by node, while the network runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.deploynet import field
from tests.support.netns import needs_root
from tests.support.takeover_world import start_by_hand, take_over, watched, wire

pytestmark = [*needs_root, pytest.mark.slow(30)]

NAMES = ("hub", "public", "home1")


def test_nothing_changes_but_who_looks_after_it(tmp_path: Path) -> None:
    """benchmarks/takeover.py does it with six nodes, and looks at seconds. Here nobody may wait for
    a second try of a handshake, which comes after five."""
    with field(tmp_path, *NAMES) as net:
        start_by_hand(net, NAMES)
        take_over(net, NAMES)
        before = wire(net, NAMES)
        old = net.machines["hub"].shell("cat /etc/wireguard/wg0.conf")
        refused = net.deploy("home1", check=False)
        assert refused.returncode == 1
        assert "changed by somebody else" in refused.stderr
        with watched(net, NAMES) as silent:
            for name in reversed(NAMES):
                said = net.deploy(name, "--overwrite-drift").stdout
                assert f"{name}: deployed" in said
            longest = silent()
        assert wire(net, NAMES) == before
        assert max(longest.values()) < 4.5, longest
        assert "Nothing to change: 3 of 3" in net.meshc("plan").stdout
        (kept,) = (one for one in net.leftovers("hub") if one.startswith("wg0.conf."))
        assert net.machines["hub"].shell(f"cat /etc/wireguard/{kept}") == old
