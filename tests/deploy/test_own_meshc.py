"""A node that must run the bundled engine and has no meshc gets one of its own, over real sshd."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.deploynet import TOPOLOGY, Field, field, take_engine
from tests.support.netns import Namespace, needs_root

pytestmark = [*needs_root, pytest.mark.slow(20)]
TWO = "".join(line for line in TOPOLOGY.splitlines(True) if "home" not in line)
AGENT = " -m meshc.agent.watch wg0 "


def listing(machine: Namespace) -> list[str]:
    """What lies in /opt/meshc, two levels of it."""
    return sorted(machine.shell("cd /opt; find meshc -maxdepth 2", check=False).split())


def ends_on(net: Field, machine: Namespace, *, agent: bool = False) -> None:
    """One version, used by one interface; its engine runs from it, and so does the agent where
    meshc itself is the supervisor. Nothing else does."""
    (version,) = machine.shell("ls -A /opt/meshc/versions").split()
    assert machine.shell("readlink /opt/meshc/interfaces/wg0").strip() == f"../versions/{version}"
    running = [line for line in machine.processes() if line.startswith("/opt/meshc/")]
    agents = [line for line in running if AGENT in line]
    (engine,) = [line for line in running if line not in agents]
    assert len(agents) == agent
    for line in (engine, *agents):
        assert line.startswith(f"/opt/meshc/versions/{version}/bin/python3 ")
    said = machine.shell("/opt/meshc/interfaces/wg0/bin/meshc --version")
    assert said.startswith("meshc, version ")


def test_a_node_without_an_engine_gets_one(tmp_path: Path) -> None:
    with field(tmp_path, "hub", "public") as net:
        hub = net.machines["hub"]
        take_engine(hub)
        net.write(TWO)
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
        # meshc itself may run it as well, from the same version
        net.write(TWO.replace("1, user: root", "1, user: root, supervisor: meshc", 1))
        net.build()
        net.deploy("hub")
        ends_on(net, hub, agent=True)
        net.wait_for_traffic("hub", "public")
        assert listing(hub) == before


# no build can know that there is no such file
FAILING = ", post_up: [cat /nowhere]"


def test_a_first_deploy_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with field(tmp_path, "hub") as net:
        hub = net.machines["hub"]
        take_engine(hub)
        alone = TWO.replace("root}}", f"root}}{FAILING}}}", 1)
        net.write(alone)
        net.build()
        failed = net.deploy("hub", check=False)
        assert failed.returncode == 1
        assert "the node has put back what was there" in failed.stdout
        assert listing(hub) == []
        assert net.leftovers("hub") == []
        assert hub.json("ip", "-j", "link", "show", "type", "tun") == []


def test_another_version_takes_its_place_or_the_old_one_comes_back(tmp_path: Path) -> None:
    with field(tmp_path, "hub", "public") as net:
        hub = net.machines["hub"]
        take_engine(hub)
        net.write(TWO)
        net.build()
        net.deploy("--all")
        net.wait_for_traffic("hub", "public")
        now = grow_old(hub)
        old = listing(hub)

        net.write(TWO.replace("root}}", f"root}}{FAILING}}}", 1))
        net.build()
        failed = net.deploy("hub", check=False)
        assert "the node has put back what was there" in failed.stdout
        assert listing(hub) == old
        ends_on(net, hub)
        net.wait_for_traffic("hub", "public")

        net.write(TWO)
        net.build()
        said = net.deploy("--all").stdout
        assert "in the place of 0.0.1 (" in said
        assert "restart" in said
        assert listing(hub) == [line.replace("0.0.1-older", now) for line in old]
        ends_on(net, hub)
        net.wait_for_traffic("hub", "public")


def grow_old(machine: Namespace) -> str:
    """The version there becomes an older one, which runs; returns the name that it had."""
    (now,) = machine.shell("ls -A /opt/meshc/versions").split()
    machine.shell(f"""
        wg-quick down wg0
        cd /opt/meshc/versions
        mv {now} 0.0.1-older
        sed -i 's/{now}/0.0.1-older/' 0.0.1-older/bin/meshc*
        ln -sfn ../versions/0.0.1-older ../interfaces/wg0
        export WG_QUICK_USERSPACE_IMPLEMENTATION=/opt/meshc/interfaces/wg0/bin/meshc-engine
        wg-quick up wg0
    """)
    return now


def test_a_node_that_can_only_fetch_them_and_cannot_says_what_to_do(tmp_path: Path) -> None:
    """The same Python minor version is not enough where its binary interface is another one."""
    with field(tmp_path, "hub") as net:
        hub = net.machines["hub"]
        take_engine(hub)
        net.write(TWO)
        net.build()
        driver = tmp_path / "other.py"
        driver.write_text(OTHER_PYTHON)
        done = net.controller.run(
            sys.executable, str(driver), "deploy", str(net.file), "hub", "--yes", *net.options(),
            check=False,
        )  # fmt: skip
        assert done.returncode == 1, done.stderr
        assert "fetched there by pip: its Python is cpython-" in done.stdout
        assert "pip there could not fetch" in done.stdout
        assert "deploy from a machine with the Python of the node" in done.stdout
        assert listing(hub) == []
        assert net.leftovers("hub") == []


# meshc on a machine whose Python loads other binaries than that of the node
OTHER_PYTHON = """
import dataclasses
from meshc.deploy import bundle
from meshc.deploy.plan import supervisor_choice
from meshc.cli import main

here = dataclasses.replace(bundle.bundle(), soabi="cpython-399-pdp11")
supervisor_choice.choose.__kwdefaults__["offer"] = lambda: here
main(prog_name="meshc")
"""
