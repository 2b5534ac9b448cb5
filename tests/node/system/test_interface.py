"""The interface: made by the first engine that works, set up, and taken away again."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from meshc.errors import NodeError
from meshc.node.backends import Backend
from meshc.node.backends.external import External
from meshc.node.machine import Machine
from meshc.node.system.interface import LinkAdd, LinkSet
from meshc.node.system.rtnetlink import Netlink
from tests.support.netns import namespaces, needs_root, require


def nowhere(name: str) -> Backend:
    return External(f"/nowhere/{name}")


def test_where_no_engine_works_each_says_why(tmp_path: Path) -> None:
    with Netlink() as netlink:
        machine = Machine(netlink, tmp_path, "t", backends=nowhere)
        with pytest.raises(NodeError) as caught:
            LinkAdd("wg9", "auto").apply(machine)
    words = [
        f"/nowhere/{name}: /nowhere/{name} is not a program on this machine"
        for name in ("kernel", "bundled", "wireguard-go")
    ]
    assert str(caught.value) == f"no engine works here ({'. '.join(words)})"
    assert machine.engine is None


def test_the_dry_run_says_what_was() -> None:
    assert LinkAdd("wg0", "auto").describe() == "create wg0 (auto)"
    assert LinkSet("wg0", 1400).describe() == "set wg0 up with MTU 1400"
    assert LinkSet("wg0", 1400, 1420).describe() == "set wg0 up with MTU 1400 (was 1420)"


ENGINES = """
from pathlib import Path
from meshc.node.backends import backend
from meshc.node.backends.external import External
from meshc.node.machine import Machine
from meshc.node.system import processes
from meshc.node.system.interface import LinkAdd
from meshc.node.system.rtnetlink import Netlink

def backends(name):
    # the first is not there, the second breaks, the third works
    return {"kernel": External("/nowhere"), "bundled": External("/bin/false")}.get(
        name, backend("wireguard-go"))

with Netlink() as netlink:
    machine = Machine(netlink, Path("/run"), "%(token)s", backends=backends)
    change = LinkAdd("wg9", "auto")
    change.apply(machine)
    assert machine.engine.name == "wireguard-go", machine.engine.name
    assert netlink.link("wg9") is not None
    assert len(processes.find("%(token)s")) == 1
    # the one who takes it back may not know which engine it was
    if %(forgotten)r:
        machine.engine = None
    for _ in range(2):
        change.reverse(machine)
    assert netlink.link("wg9") is None
    assert processes.find("%(token)s") == ()
print("fine")
"""


@pytest.mark.root
@needs_root[1]
@needs_root[2]
@pytest.mark.parametrize("forgotten", [False, True])
def test_the_first_engine_that_works_makes_it_and_unmakes_it(forgotten: bool) -> None:
    require("wireguard-go")
    code = ENGINES % {"token": f"t-{os.getpid()}-{forgotten}", "forgotten": forgotten}
    with namespaces("box") as (box,):
        assert box.run(sys.executable, "-W", "error", "-c", code).stdout == "fine\n"


SET = """
from pathlib import Path
from meshc.node.machine import Machine
from meshc.node.system.interface import LinkSet
from meshc.node.system.rtnetlink import Netlink
with Netlink() as netlink:
    machine = Machine(netlink, Path("/run"), "t")
    change = LinkSet("wg9", 1400, {before})
    change.{verb}(machine)
    print(netlink.link("wg9").mtu, netlink.link("wg9").up)
"""


@pytest.mark.root
@needs_root[1]
def test_the_mtu_is_put_back_where_there_was_one() -> None:
    require("ip")
    with namespaces("box") as (box,):

        def said(verb: str, before: int | None) -> str:
            code = SET.format(verb=verb, before=before)
            return box.run(sys.executable, "-c", code).stdout.strip()

        box.shell("ip link add wg9 mtu 1300 type bridge")
        assert said("apply", None) == "1400 True"
        assert said("reverse", None) == "1400 True"
        assert said("reverse", 1300) == "1300 True"
