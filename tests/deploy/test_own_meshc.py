"""A node that must run the bundled engine and has no meshc gets one of its own, over real sshd."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.deploynet import TOPOLOGY, Field, field, take_engine
from tests.support.netns import Namespace, needs_root

pytestmark = [*needs_root, pytest.mark.slow]
TWO = "".join(line for line in TOPOLOGY.splitlines(True) if "home" not in line)


def listing(machine: Namespace) -> list[str]:
    """What lies in /opt/meshc, two levels of it."""
    return sorted(machine.shell("cd /opt; find meshc -maxdepth 2", check=False).split())


def ends_on(net: Field, machine: Namespace) -> None:
    """One version, used by one interface, and its engine runs from it."""
    (version,) = machine.shell("ls -A /opt/meshc/versions").split()
    assert machine.shell("readlink /opt/meshc/interfaces/wg0").strip() == f"../versions/{version}"
    (engine,) = [line for line in machine.processes() if "wg0" in line and "python3" in line]
    assert engine.startswith(f"/opt/meshc/versions/{version}/bin/python3 ")
    said = machine.shell("/opt/meshc/interfaces/wg0/bin/meshc --version")
    assert said.startswith("meshc, version ")


@pytest.mark.parametrize("supervisor", ["auto", "meshc"])
def test_a_node_without_an_engine_gets_one(tmp_path: Path, supervisor: str) -> None:
    with field(tmp_path, "hub", "public") as net:
        hub = net.machines["hub"]
        take_engine(hub)
        net.write(TWO.replace("1, user: root", f"1, user: root, supervisor: {supervisor}", 1))
        net.build()
        planned = net.meshc("plan", check=False).stdout
        assert "in /opt/meshc (" in planned
        assert "sent from here" in planned
        assert listing(hub) == []
        net.deploy("--all")
        net.wait_for_traffic("hub", "public")
        ends_on(net, hub)
        assert net.machines["public"].shell("ls /opt").split().count("meshc") == 0
        before = listing(hub)
        assert "Nothing to change: 2 of 2" in net.deploy("--all").stdout
        assert listing(hub) == before
