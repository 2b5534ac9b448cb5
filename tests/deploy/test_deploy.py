"""`meshc deploy` to real sshd: one command, every pair, and a second time nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.deploynet import field
from tests.support.netns import needs_root

pytestmark = [*needs_root, pytest.mark.slow]
ALL = ("hub", "public", "home1", "home2")


def test_one_command_brings_up_the_whole_network(tmp_path: Path) -> None:
    with field(tmp_path, *ALL) as net:
        net.write()
        net.build()
        assert net.meshc("plan", check=False).returncode == 3
        said = net.deploy("--all").stdout
        assert said.count(": deployed") == 4
        net.wait_for_traffic(*ALL)
        for name in ALL:
            assert net.leftovers(name) == ["node.json", "wg0.conf"]
            status = net.machines[name].meshc("status", "wg0", "--json", check=False).stdout
            assert [peer["state"] for peer in json.loads(status)[0]["peers"]].count("live") == 3
        again = net.deploy("--all")
        assert "Nothing to change: 4 of 4 nodes are up to date." in again.stdout
        assert net.meshc("plan").returncode == 0
