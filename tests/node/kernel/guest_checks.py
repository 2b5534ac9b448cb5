"""The kernel back end, run inside a virtual machine whose kernel has WireGuard.

    left 192.0.2.1 ---- veth ---- 192.0.2.2 right      wg0: 10.44.0.1 and 10.44.0.2

Not collected by itself: `test_kernel.py` boots the machine and runs this file in it.
"""

from __future__ import annotations

import json
import logging
import os
import traceback
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from meshc import node
from meshc.keys import PrivateKey, PublicKey, encode
from meshc.lab.forked import PRELOAD, forking_backend
from meshc.lab.world import linux
from meshc.node.backends.kernel import Kernel
from tests.support import wgconf
from tests.support.netns import Namespace, connect, namespaces, wait_until
from tests.support.snapshot import changed, snapshot

for module in PRELOAD:  # once, and not in each process that is forked
    import_module(module)

LEFT, RIGHT = PrivateKey.generate(), PrivateKey.generate()
CROWD = [PublicKey(encode(bytes([number, 7]) * 16)) for number in range(20)]
PREFIXES = [f"10.{100 + number // 256}.{number % 256}.0/24" for number in range(520)]


@pytest.fixture
def pair() -> Iterator[tuple[Namespace, Namespace]]:
    with namespaces("left", "right") as (left, right):
        connect(left, right, left_name="eth0", right_name="eth0")
        left.shell("ip addr add 192.0.2.1/24 dev eth0; ip addr add 2001:db8::1/64 dev eth0 nodad")
        right.shell("ip addr add 192.0.2.2/24 dev eth0")
        for one in (left, right):
            wait_until(lambda one=one: "tentative" not in one.shell("ip -6 addr"), patience=300)
        yield left, right


def left_file(directory: Path, *, crowd: int = 20, more: str = "Address = 10.44.0.1/24") -> Path:
    """A neighbour, one peer with more prefixes than a netlink message holds, and a crowd."""
    text = wgconf.interface("ListenPort = 51820", "FwMark = 7", *more.split("; "), key=LEFT)
    text += wgconf.peer(
        "AllowedIPs = 10.44.0.2/32",
        "Endpoint = 192.0.2.2:51820",
        f"PresharedKey = {encode(b'p' * 32)}",
        key=RIGHT.public_key(),
    )
    for number, key in enumerate(CROWD[:crowd]):
        lines = [f"AllowedIPs = 10.45.0.{number}/32, fd45::{number:x}/128"]
        if number == 3:
            lines = [f"AllowedIPs = {', '.join(PREFIXES)}", "Endpoint = [2001:db8::9]:7"]
        text += wgconf.peer(*lines, "PersistentKeepalive = 600", key=key)
    return wgconf.write(directory / "left", "wg0", text)


def right_file(directory: Path) -> Path:
    text = wgconf.interface("ListenPort = 51820", "Address = 10.44.0.2/24", key=RIGHT)
    text += wgconf.peer(
        "AllowedIPs = 10.44.0.1/32",
        f"PresharedKey = {encode(b'p' * 32)}",
        key=LEFT.public_key(),
    )
    return wgconf.write(directory / "right", "wg0", text)


def dump(one: Namespace) -> dict[str, tuple[str, str, set[str], int]]:
    """Public key -> preshared key, endpoint, allowed ips, keepalive: as wg(8) sees it."""
    found = {}
    for line in one.shell("wg show wg0 dump").splitlines()[1:]:
        key, psk, endpoint, allowed, _, _, _, keepalive = line.split("\t")
        prefixes = set(allowed.split(",")) - {"(none)"}
        found[key] = (psk, endpoint, prefixes, int(keepalive) if keepalive != "off" else 0)
    return found


def within(one: Namespace, call: Callable[[], object]) -> Any:
    """What `call` answers in there: in a process forked from this one, because nothing is dearer in
    an emulated machine than a Python that starts. Its answer goes through JSON."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        text = ""
        # pytest's handlers have files, which a forked engine closes and would then write to
        logging.getLogger().handlers.clear()
        try:
            for kind, flag in (("net", linux.NEWNET), ("mnt", linux.NEWNS)):
                linux.setns(os.open(f"/proc/{one.pid}/ns/{kind}", os.O_RDONLY), flag)
            text = json.dumps(call())
        except BaseException:
            traceback.print_exc()
        finally:
            os.write(writer, text.encode())
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return json.loads(text)


def up(one: Namespace, file: Path, engine: str) -> list[Any]:
    """The engine, and what was done."""

    def call() -> list[object]:
        done = node.up(file, engine=engine, watch=False, backends=forking_backend)
        return [done.engine, list(done.steps)]

    answer: list[Any] = within(one, call)
    return answer


def reload(one: Namespace, file: Path) -> list[str]:
    steps: list[str] = within(one, lambda: list(node.reload(file, backends=forking_backend).steps))
    return steps


def down(one: Namespace) -> None:
    within(one, lambda: list(node.down("wg0", backends=forking_backend).steps))


def peers(one: Namespace) -> dict[str, Any]:
    """Public key -> what `status` says."""

    def call() -> dict[str, object]:
        return {
            peer.public_key: [peer.health.value, peer.keepalive, [*map(str, peer.allowed_ips)]]
            for peer in node.status("wg0").peers
        }

    found: dict[str, Any] = within(one, call)
    return found


def test_a_kernel_with_many_peers_and_a_bundled_engine(
    pair: tuple[Namespace, Namespace], tmp_path: Path
) -> None:
    left, right = pair
    before = snapshot(left)
    engine, _ = up(left, left_file(tmp_path), "auto")
    assert engine == "kernel"
    assert up(right, right_file(tmp_path), "bundled")[0] == "bundled"
    left.shell("ping -c 2 -i 0.2 -W 60 10.44.0.2")
    right.shell("ping -c 2 -i 0.2 -W 60 10.44.0.1")

    have = dump(left)
    assert left.shell("wg show wg0 fwmark").strip() == "0x7"
    assert set(have) == {*CROWD, RIGHT.public_key()}
    assert have[CROWD[3]][2] == set(PREFIXES)
    assert have[CROWD[3]][1] == "[2001:db8::9]:7"
    seen = peers(left)
    assert {key: set(allowed) for key, (_, _, allowed) in seen.items()} == {
        key: entry[2] for key, entry in have.items()
    }
    assert seen[RIGHT.public_key()][0] == "live"
    assert seen[CROWD[5]][1] == 600
    assert [health for health, _, _ in peers(right).values()] == ["live"]

    # without the last eight, another address and MTU; the session with `right` goes on
    handshake = left.shell("wg show wg0 latest-handshakes | sort")
    new = left_file(tmp_path, crowd=12, more="Address = 10.44.0.1/24, fd44::1/64; MTU = 1300")
    assert reload(left, new)
    assert set(dump(left)) == {*CROWD[:12], RIGHT.public_key()}
    assert "mtu 1300" in left.shell("ip link show wg0")
    assert "fd44::1/64" in left.shell("ip addr show wg0")
    kept = left.shell("wg show wg0 latest-handshakes | sort")
    assert set(kept.splitlines()) <= set(handshake.splitlines())
    left.shell("ping -c 2 -i 0.2 -W 60 10.44.0.2")
    assert reload(left, new) == []
    assert up(left, new, "auto")[1] == []

    down(left)
    down(right)
    assert changed(before, snapshot(left)) == {}


def test_reading_what_is_no_wireguard_is_an_error(pair: tuple[Namespace, Namespace]) -> None:
    from meshc.errors import NodeError

    with pytest.raises(NodeError, match="not a kernel WireGuard"):
        Kernel().read("lo")
