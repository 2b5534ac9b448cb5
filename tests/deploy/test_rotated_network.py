"""A network that runs, and gets new keys."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import pytest

from meshc.keys import PrivateKey
from tests.support.deploynet import TOPOLOGY, Field, field
from tests.support.netns import needs_root
from tests.support.watched_rotation import pinged, rotate

pytestmark = [*needs_root, pytest.mark.slow(30)]

# both ways to the same device: one peer added without a prefix, then with one
_BOTH_WAYS = """
import sys
from dataclasses import replace
from meshc.deploy.remote import key_handover as k
from meshc.deploy.remote.base import run
from meshc.deploy.remote.managed_interface import ManagedInterface
from meshc.deploy.protocol import Directories

interface = ManagedInterface("wg0", Directories())
through = k._device(interface)
assert type(through) is k._Engine
for device in (through, k._Device("wg0")):
    before = run(["wg", "showconf", "wg0"])
    peer = k.Section(sys.argv[1], sys.argv[2], ("10.9.0.0/16",), "25")
    assert device.sessions() == set(sys.argv[4:]), device.sessions()
    device.add([replace(peer, prefixes=())])
    assert f"{peer.key}\\t(none)" in run(["wg", "show", "wg0", "allowed-ips"])
    device.add([peer])
    assert f"{peer.key}\\t10.9.0.0/16" in run(["wg", "show", "wg0", "allowed-ips"])
    device.preshared_keys([replace(peer, psk=sys.argv[3])])
    said = run(["wg", "show", "wg0", "dump"])
    assert f"{peer.key}\\t{sys.argv[3]}\\t(none)\\t10.9.0.0/16\\t0\\t0\\t0\\t25" in said, said
    old, new = run(["wg", "show", "wg0", "private-key"]).strip(), sys.argv[2]
    device.private_key(new)
    assert run(["wg", "show", "wg0", "public-key"]).strip() == k._public(new)
    device.private_key(old)
    run(["wg", "set", "wg0", "peer", peer.key, "remove"])
    assert run(["wg", "showconf", "wg0"]) == before
"""


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    with field(tmp_path_factory.mktemp("rotated"), "hub", "public", "home1") as made:
        made.write("".join(line for line in TOPOLOGY.splitlines(True) if "home2" not in line))
        made.build()
        made.deploy("--all")
        made.wait_for_traffic("hub", "public", "home1")
        yield made


def test_wg_and_the_socket_of_an_engine_do_the_same(net: Field) -> None:
    machine = net.machines["public"]
    peers = machine.shell("wg show wg0 peers").split()
    root = str(Path(__file__).parents[2])
    secret = PrivateKey.generate()
    words = (
        str(PrivateKey.generate().public_key()),
        secret.reveal(),
        PrivateKey.generate().reveal(),
        *peers,
    )
    machine.run("env", f"PYTHONPATH={root}", sys.executable, "-c", _BOTH_WAYS, *words)


def test_next_to_no_ping_is_lost_when_a_relay_gets_a_new_key(net: Field) -> None:
    """Stock wg-quick and no agent anywhere. benchmarks/live_rotation.py does it with eight nodes
    and every key; on a quiet machine nobody loses more than one."""
    before = net.machines["hub"].shell("wg show wg0 public-key")
    with pinged(net, permutations(("hub", "public", "home1"), 2)) as lost:
        said = rotate(net, "hub").stdout
        missing = lost()
    assert "hub: a new key; home1, public in the same moment, nothing is cut" in said
    assert net.machines["hub"].shell("wg show wg0 public-key") != before
    assert before.strip() not in net.machines["public"].shell("wg show wg0 dump")
    # 5 ms apart: without the handover 200 and more, and 1000 where a handshake has to be repeated
    assert max(missing.values()) <= 20, missing


def test_a_rename_is_nothing_on_the_wire(net: Field) -> None:
    """No packet is lost, and keys, addresses, prefixes and sessions stay what they were."""
    names = ("hub", "public", "home1")

    def wire() -> dict[str, list[str]]:
        """Without when the last handshake was, and how much went through."""
        dumps = {one: net.machines[one].shell("wg show wg0 dump").splitlines() for one in names}
        return {
            one: sorted("\t".join(line.split("\t")[:4]) for line in lines)  # in no order of its own
            for one, lines in dumps.items()
        }

    before, address = wire(), net.address("public")
    with pinged(net, permutations(names, 2)) as lost:
        net.controller.meshc("rename", str(net.file), "public", "web")
        net.build()
        said = net.deploy("--all").stdout
        missing = lost()
    assert "renamed" in said
    assert "no session notices" in said
    assert set(missing.values()) == {0}, missing
    assert wire() == before
    assert net.address("web") == address
    assert "# Name = web" in net.machines["home1"].shell("cat /etc/wireguard/wg0.conf")
