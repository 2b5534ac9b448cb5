"""What every backend promises, held against those that can run here."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import pytest

from meshc.node.backends import backend
from meshc.node.backends.backend import BUNDLED, EXTERNAL, KERNEL, Backend, BackendHost
from meshc.node.machine import Machine
from meshc.node.system.rtnetlink import Netlink
from tests.support.netns import namespaces, needs_root, require

METHODS = ("missing", "create", "destroy", "read", "write")


@pytest.mark.parametrize("name", [KERNEL, BUNDLED, EXTERNAL])
def test_each_is_called_the_same_way(name: str) -> None:
    """Also by keyword, which mypy does not see for a backend that is chosen by its name."""
    one = backend(name)
    for method in METHODS:
        _, *names = [*inspect.signature(getattr(Backend, method)).parameters]
        assert [*inspect.signature(getattr(one, method)).parameters] == names, method


def test_a_machine_is_a_host(tmp_path: Path) -> None:
    with Netlink() as netlink:
        host: BackendHost = Machine(netlink, tmp_path, "token")
        assert (host.netlink, host.run_directory, host.token) == (netlink, tmp_path, "token")


LIFE = """
from pathlib import Path
from meshc.keys import PresharedKey, PrivateKey
from meshc.node.backends import backend
from meshc.node.machine import Machine
from meshc.node.system import processes
from meshc.node.system.rtnetlink import Netlink
from meshc.prefixes import Prefix
from meshc.wg.device_values import DeviceUpdate, PeerUpdate
from meshc.wg.endpoint import Endpoint

key, one, two = (PrivateKey.generate() for _ in range(3))
first = PeerUpdate(one.public_key(), preshared_key=PresharedKey(b"s" * 32), keepalive=25,
                   endpoint=Endpoint("192.0.2.1", 7), replace_allowed_ips=True,
                   allowed_ips=(Prefix.parse("10.0.0.0/8"), Prefix.parse("fd00::/8")))
second = PeerUpdate(two.public_key(), allowed_ips=(Prefix.parse("10.1.0.0/16"),))
with Netlink() as netlink:
    engine, machine = backend({name!r}), Machine(netlink, Path("/run"), {token!r})
    assert engine.missing() == ""
    engine.destroy(machine, "wg9")  # nothing there is no error
    engine.create(machine, "wg9")
    link = netlink.link("wg9")
    assert not link.up
    fresh = engine.read("wg9")
    assert (fresh.private_key, fresh.fwmark, fresh.peers) == (None, 0, ())
    engine.write("wg9", DeviceUpdate(private_key=key, listen_port=5555, fwmark=9,
                                     peers=(first, second)))
    device = engine.read("wg9")
    assert (device.private_key, device.listen_port, device.fwmark) == (key, 5555, 9)
    peer = device.peer(one.public_key())
    assert (peer.preshared_key, peer.endpoint, peer.allowed_ips, peer.keepalive) == (
        first.preshared_key, first.endpoint, first.allowed_ips, 25)
    # a peer that is not named stays as it is; no value means no change
    engine.write("wg9", DeviceUpdate(peers=(PeerUpdate(two.public_key(), remove=True),)))
    after = engine.read("wg9")
    assert after.peers == (peer,)
    assert (after.private_key, after.listen_port, after.fwmark) == (key, 5555, 9)
    for _ in range(2):
        engine.destroy(machine, "wg9")
    assert netlink.link("wg9") is None
    assert processes.find({token!r}) == ()
print("fine")
"""


@pytest.mark.root
@needs_root[1]
@needs_root[2]
@pytest.mark.parametrize("name", [BUNDLED, EXTERNAL])
def test_the_whole_life_of_an_interface(name: str) -> None:
    """The kernel's is tests/node/kernel's, in a guest that has the module."""
    if name == EXTERNAL:
        require("wireguard-go")
    with namespaces("box") as (box,):
        code = LIFE.format(name=name, token=f"life-of-{name}-{box.pid}")
        assert box.run(sys.executable, "-W", "error", "-c", code).stdout == "fine\n"
        assert box.shell("ls /run/wireguard /run/*.log 2>/dev/null || true").split() in (
            [],
            ["/run/wireguard:"],
        )
