"""A node that must run the bundled engine and has no meshc gets one of its own, over real sshd."""

from __future__ import annotations

import sys
from collections.abc import Iterator

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


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    """`hub` and `home1` have no engine; the first has got one, to the other nothing is deployed."""
    with field(tmp_path_factory.mktemp("field"), "hub", "public", "home1") as made:
        take_engine(made.machines["hub"])
        take_engine(made.machines["home1"])
        made.write(TWO)
        made.build()
        planned = made.meshc("plan", check=False).stdout
        assert "in /opt/meshc (" in planned
        assert "sent from here" in planned
        assert listing(made.machines["hub"]) == []
        made.deploy("--all")
        yield made


def alone(net: Field, text: str) -> Field:
    """Another topology, in a directory of its own, whose only machine is `home1`."""
    made = Field(net.home, net.machines, net.core)
    made.file = net.home / "alone" / "mesh.yaml"
    made.write(text)
    made.build()
    return made


def test_a_node_without_an_engine_gets_one(net: Field) -> None:
    hub = net.machines["hub"]
    net.wait_for_traffic("hub", "public")
    ends_on(net, hub)
    assert net.machines["public"].shell("ls /opt").split().count("meshc") == 0
    before = listing(hub)
    net.write(TWO)
    net.build()
    assert "Nothing to change: 2 of 2" in net.deploy("--all").stdout
    # meshc itself may run it as well, from the same version
    net.write(TWO.replace("1, user: root", "1, user: root, supervisor: meshc", 1))
    net.build()
    net.deploy("hub")
    ends_on(net, hub, agent=True)
    net.wait_for_traffic("hub", "public")
    assert listing(hub) == before
    net.write(TWO)
    net.build()
    net.deploy("hub")


# no build can know that there is no such file
FAILING = ", post_up: [cat /nowhere]"
LONE = """\
meshc: 1
network: {{name: fieldnet, addresses: [10.44.0.0/24]}}
nodes:
  lone: {{endpoint: 198.51.100.11, deploy: {{host: 198.51.100.11, user: root}}{more}}}
  other: {{}}
"""


def test_a_first_deploy_that_fails_leaves_nothing(net: Field) -> None:
    here, lone = alone(net, LONE.format(more=FAILING)), net.machines["home1"]
    failed = here.deploy("lone", check=False)
    assert failed.returncode == 1
    assert "the node has put back what was there" in failed.stdout
    assert listing(lone) == []
    assert net.leftovers("home1") == []
    assert lone.json("ip", "-j", "link", "show", "type", "tun") == []


def test_another_version_takes_its_place_or_the_old_one_comes_back(net: Field) -> None:
    hub = net.machines["hub"]
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


def test_a_node_that_can_only_fetch_them_and_cannot_says_what_to_do(net: Field) -> None:
    """The same Python minor version is not enough where its binary interface is another one."""
    here = alone(net, LONE.format(more=""))
    driver = net.home / "other.py"
    driver.write_text(OTHER_PYTHON)
    done = net.controller.run(
        sys.executable, str(driver), "deploy", str(here.file), "lone", "--yes", *net.options(),
        check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "fetched there by pip: its Python is cpython-" in done.stdout
    assert "pip there could not fetch" in done.stdout
    assert "give the node a way to a package index" in " ".join(done.stdout.split())
    assert "deploy from a machine with the Python of the node" in done.stdout
    assert listing(net.machines["home1"]) == []
    assert net.leftovers("home1") == []


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
