"""Links, addresses, routes and rules in a namespace, beside what ip(8) says."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.support.netns import Namespace, namespaces, needs_root, require

pytestmark = needs_root

WORLD = """
ip link add eth0 type veth peer name eth1
ip addr add 192.0.2.1/24 dev eth0; ip addr add 2001:db8::1/64 dev eth0 nodad
ip link set eth0 mtu 1400; ip link set eth0 up; ip link set eth1 up
ip route add default via 192.0.2.254 metric 100
ip route add 10.0.0.0/8 nexthop via 192.0.2.2 nexthop via 192.0.2.3
ip route add 198.51.100.0/24 via 192.0.2.9 mtu 1300
ip route add blackhole 203.0.113.0/24
ip route add 10.9.0.0/16 dev eth0 table 51820
ip rule add from 192.0.2.0/24 table 7 priority 100
ip rule add not fwmark 9 table 51820 priority 200
"""
CHECKS = """
from meshc.errors import NodeError
from meshc.node.system.rtnetlink import Netlink
from meshc.node.system_values import PolicyRule
from meshc.prefixes import InterfaceAddress, Prefix

def raises(call, *args):
    try:
        call(*args)
    except NodeError as error:
        return str(error)
    raise AssertionError("it did not fail")

with Netlink() as netlink:
    link = netlink.link("eth0")
    assert (link.kind, link.mtu, link.up) == ("veth", 1400, True), link
    assert netlink.link("nothing") is None
    assert {one.name for one in netlink.links()} == {"lo", "eth0", "eth1"}

    own = [str(a) for a in netlink.addresses("eth0")]
    assert own == ["192.0.2.1/24", "2001:db8::1/64"], own
    more = InterfaceAddress.parse("10.1.2.3/32")
    assert netlink.add_address("eth0", more) and not netlink.add_address("eth0", more)
    assert more in netlink.addresses("eth0")
    assert netlink.delete_address("eth0", more) and not netlink.delete_address("eth0", more)
    assert not netlink.delete_address("nothing", more)
    assert netlink.addresses("nothing") == ()

    routes = netlink.routes()
    default = [r for r in routes if r.prefix == Prefix(4, 0, 0)]
    assert [(r.device, r.gateway, r.metric) for r in default] == [("eth0", "192.0.2.254", 100)]
    two = [r for r in routes if str(r.prefix) == "10.0.0.0/8"]
    assert sorted(r.gateway for r in two) == ["192.0.2.2", "192.0.2.3"], two
    assert [r.mtu for r in routes if str(r.prefix) == "198.51.100.0/24"] == [1300]
    assert not [r for r in routes if str(r.prefix) == "203.0.113.0/24"]
    assert [r.table for r in routes if str(r.prefix) == "10.9.0.0/16"] == [51820]

    for text in ("10.5.0.0/16", "fd00::/8", "0.0.0.0/0"):
        prefix = Prefix.parse(text)
        assert netlink.add_route("eth0", prefix, 77), text
        assert not netlink.add_route("eth0", prefix, 77), text
        assert [r.prefix for r in netlink.routes() if r.table == 77] == [prefix]
        assert netlink.delete_route("eth0", prefix, 77)
        assert not netlink.delete_route("eth0", prefix, 77)

    assert netlink.route_to("198.51.100.9").mtu == 1300
    assert netlink.route_to("192.0.2.77").device == "eth0"
    assert netlink.route_to("203.0.113.1") is None

    rules = {(r.family, r.priority): r for r in netlink.rules()}
    assert rules[4, 100].foreign and not rules[4, 200].foreign
    assert rules[4, 200] == PolicyRule(4, 200, 51820, fwmark=9, inverted=True)
    for rule in (PolicyRule(4, 300, 254, suppress_prefixlength=0), PolicyRule(6, 301, 5, 5, True)):
        assert netlink.add_rule(rule) and not netlink.add_rule(rule)
        assert rule in netlink.rules()
        assert netlink.delete_rule(rule) and not netlink.delete_rule(rule)
    assert rules == {(r.family, r.priority): r for r in netlink.rules()}

    netlink.set_link("eth0", mtu=1280)
    assert netlink.link("eth0").mtu == 1280
    assert "no interface nothing" in raises(netlink.set_link, "nothing")
    assert "could not create" in raises(netlink.add_link, "x0", "no-such-kind")
    netlink.add_link("br0", "bridge")
    assert netlink.delete_link("br0") and not netlink.delete_link("br0")
print("fine")
"""


@pytest.fixture
def box() -> Iterator[Namespace]:
    require("ip")
    with namespaces("box") as (one,):
        one.shell(WORLD)
        yield one


def test_reads_and_writes(box: Namespace) -> None:
    assert box.run(sys.executable, "-W", "error", "-c", CHECKS).stdout == "fine\n"


def test_a_thread_in_another_namespace_stays_there(box: Namespace) -> None:
    """The lab enters a namespace in a thread and calls us."""
    code = (
        "import ctypes, threading\n"
        "from meshc.node.system.rtnetlink import Netlink\n"
        "seen = []\n"
        "def look():\n"
        "    ctypes.CDLL(None).unshare(0x40000000)\n"
        "    with Netlink() as netlink:\n"
        "        seen.append(sorted(one.name for one in netlink.links()))\n"
        "thread = threading.Thread(target=look); thread.start(); thread.join()\n"
        "with Netlink() as netlink:\n"
        "    seen.append(sorted(one.name for one in netlink.links()))\n"
        "assert seen == [['lo'], ['eth0', 'eth1', 'lo']], seen\n"
        "print('fine')\n"
    )
    assert box.run(sys.executable, "-W", "error", "-c", code).stdout == "fine\n"
