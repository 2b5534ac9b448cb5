"""The MTU that nobody wrote down, and the mark that everybody must agree on."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshc.node.desired import automatic_mtu, desire
from meshc.node.nodefile import InterfaceFile
from meshc.node.system_values import LinkFact, RouteFact
from meshc.prefixes import Prefix
from meshc.wg.conf import parse
from meshc.wg.device_values import DeviceState
from tests.support import wgconf
from tests.support.machine_facts import machine

NEAR, FAR, UNKNOWN = "192.0.2.7", "vpn.example", "203.0.113.1"


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        ((), 1500 - 80),
        ((NEAR,), 1500 - 80),
        ((FAR,), 1492 - 80),
        ((FAR, NEAR), 1500 - 80),
        ((UNKNOWN,), 1500 - 80),
    ],
)
def test_the_largest_mtu_of_the_ways_out(hosts: tuple[str, ...], expected: int) -> None:
    text = wgconf.interface() + "".join(wgconf.peer(f"Endpoint = {host}:1") for host in hosts)
    assert automatic_mtu(parse(text), machine()) == expected


def test_the_default_route_decides_without_endpoints() -> None:
    conf = parse(wgconf.interface())
    small = (RouteFact(Prefix(4, 0, 0), 254, "eth0", mtu=1300),)
    assert automatic_mtu(conf, machine(routes=small)) == 1220
    ppp = (LinkFact("eth0", 2, "", 1492, True),)
    assert automatic_mtu(conf, machine(links=ppp)) == 1412
    assert automatic_mtu(conf, machine(routes=(), links=())) == 1420


def file(*interface: str) -> InterfaceFile:
    text = wgconf.interface(*interface) + wgconf.peer("AllowedIPs = 0.0.0.0/0")
    return InterfaceFile(Path("wg0.conf"), "wg0", parse(text))


def test_the_mark_is_the_table() -> None:
    assert desire(file(), machine()).fwmark == 51820
    assert desire(file("FwMark = 7"), machine()).fwmark == 7
    assert desire(file("Table = off"), machine()).fwmark == 0
    assert desire(file("Table = off", "FwMark = 7"), machine()).fwmark == 7


def test_a_mark_that_is_ours_stays() -> None:
    """Its table is in use, by our own default route: that must not move it along."""
    ours = machine(
        device=DeviceState(fwmark=51823),
        routes=(RouteFact(Prefix(4, 0, 0), 51823, "wg0"),),
    )
    assert desire(file(), ours, own=True).fwmark == 51823
    assert desire(file(), ours, own=True).routes == ((Prefix(4, 0, 0), 51823),)
