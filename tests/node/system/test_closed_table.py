"""A closed table lets nothing out, and is opened again; both as often as one likes."""

from __future__ import annotations

import sys

from tests.support.netns import namespaces, needs_root

pytestmark = needs_root
SCRIPT = """
import sys
from pathlib import Path
from meshc.node.machine import Machine
from meshc.node.system.closed_table import TableClosed
from meshc.node.system.rtnetlink import Netlink
with Netlink() as netlink:
    machine = Machine(netlink, Path("/run"), "")
    for word in sys.argv[1:]:
        for family in (4, 6):
            getattr(TableClosed(family, 51820), word)(machine)
        print(sorted(netlink.closed_tables()))
"""


def test_a_table_is_closed_behind_all_other_routes() -> None:
    with namespaces("box") as (box,):
        box.shell("ip link add eth0 type veth peer name eth1; ip link set eth0 up")
        both = "[(4, 51820), (6, 51820)]"
        said = box.run(sys.executable, "-c", SCRIPT, "apply", "apply").stdout
        assert said.splitlines() == [both, both]
        for family in ("-4", "-6"):
            shown = box.shell(f"ip {family} route show table 51820")
            # the very route of the emitted line
            assert "unreachable default" in shown
            assert "metric 4278198272" in shown
            box.shell(f"ip {family} route add default dev eth0 table 51820")
        said = box.run(sys.executable, "-c", SCRIPT, "reverse", "reverse").stdout
        assert said.splitlines() == ["[]", "[]"]
        assert "default dev eth0" in box.shell("ip route show table 51820")
