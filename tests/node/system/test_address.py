"""An address on the interface, as ip(8) sees it."""

from __future__ import annotations

import sys

import pytest

from meshc.node.system.address import AddressAdd
from tests.support.netns import Namespace, namespaces, needs_root, require

USE = """
from pathlib import Path
from meshc.node.machine import Machine
from meshc.node.system.address import AddressAdd
from meshc.node.system.rtnetlink import Netlink
with Netlink() as netlink:
    getattr(AddressAdd({interface!r}, {address!r}), {verb!r})(Machine(netlink, Path("/run"), "t"))
"""


def use(box: Namespace, verb: str, address: str, interface: str = "wg0") -> str:
    """Runs it in there; what the interface has afterwards."""
    code = USE.format(verb=verb, address=address, interface=interface)
    box.run(sys.executable, "-c", code)
    return box.shell("ip -oneline address show dev wg0 | grep -o 'inet.*/[0-9]*' || true")


@pytest.mark.root
@needs_root[1]
@pytest.mark.parametrize(("address", "word"), [("10.44.0.1/24", "inet"), ("fd44::1/64", "inet6")])
def test_what_is_there_twice_is_there_once_and_gone_at_once(address: str, word: str) -> None:
    require("ip")
    with namespaces("box") as (box,):
        box.shell("ip link add wg0 type bridge; ip address add 192.0.2.1/32 dev wg0")
        assert use(box, "reverse", address) == "inet 192.0.2.1/32\n", "never applied: no harm"
        for _ in range(2):
            assert f"{word} {address}" in use(box, "apply", address).splitlines()
        assert use(box, "reverse", address) == "inet 192.0.2.1/32\n"


@pytest.mark.root
@needs_root[1]
def test_an_interface_that_has_gone_took_its_addresses_along() -> None:
    assert AddressAdd.goes_with_link
    require("ip")
    with namespaces("box") as (box,):
        box.shell("ip link add wg0 type bridge")
        assert use(box, "reverse", "10.44.0.1/24", interface="gone0") == ""
        with pytest.raises(AssertionError, match="gone0"):
            use(box, "apply", "10.44.0.1/24", interface="gone0")


def test_the_dry_run_names_address_and_interface() -> None:
    assert AddressAdd("wg0", "10.44.0.1/24").describe() == "address 10.44.0.1/24 on wg0"
