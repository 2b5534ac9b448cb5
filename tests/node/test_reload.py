"""`reload` while traffic flows through a peer that does not change.

left 192.0.2.1 ---- veth ---- 192.0.2.2 right      wg0: 10.44.0.1 and 10.44.0.2
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshc.keys import PrivateKey
from tests.support import wgconf
from tests.support.netns import TIMEOUT, Namespace, connect, namespaces, needs_root, require

pytestmark = needs_root

LEFT, RIGHT, THIRD = (PrivateKey.generate() for _ in range(3))
STABLE = ("AllowedIPs = 10.44.0.2/32", "Endpoint = 192.0.2.2:51820", "PersistentKeepalive = 5")


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Namespace, Namespace]]:
    require("wireguard-go", "ping")
    with namespaces("left", "right") as (left, right):
        connect(left, right, left_name="eth0", right_name="eth0")
        left.shell("ip addr add 192.0.2.1/24 dev eth0")
        right.shell("ip addr add 192.0.2.2/24 dev eth0")
        path = wgconf.write(
            tmp_path / "right",
            "wg0",
            wgconf.interface("Address = 10.44.0.2/24", "ListenPort = 51820", key=RIGHT)
            + wgconf.peer("AllowedIPs = 10.44.0.0/24, 10.60.0.0/16", key=LEFT.public_key()),
        )
        right.meshc("up", str(path), "--engine", "wireguard-go")
        yield left, right


def left_file(directory: Path, *lines: str, stable: tuple[str, ...] = STABLE) -> Path:
    """The left side's file: the stable peer, and whatever else."""
    interface = [line for line in lines if not line.startswith("AllowedIPs")]
    text = wgconf.interface("ListenPort = 51820", *interface, key=LEFT)
    text += wgconf.peer(*stable, key=RIGHT.public_key())
    allowed = [line for line in lines if line.startswith("AllowedIPs")]
    if allowed:
        text += wgconf.peer(*allowed, key=THIRD.public_key())
    return wgconf.write(directory / "left", "wg0", text)


VERSIONS = (
    ("Address = 10.44.0.1/24", "AllowedIPs = 10.50.0.0/16"),
    ("Address = 10.44.0.1/24, 10.60.0.1/32", "AllowedIPs = 10.50.0.0/16, 10.51.0.0/16"),
    ("Address = 10.44.0.1/24, fd44::1/64", "AllowedIPs = 10.51.0.0/16, fd50::/64"),
    ("Address = 10.44.0.1/24", "MTU = 1400", "AllowedIPs = 0.0.0.0/0, ::/0"),
    ("Address = 10.44.0.1/24", "Table = off", "AllowedIPs = 0.0.0.0/0"),
    ("Address = 10.44.0.1/24",),
)


# What only a reload can cause, while a machine that is busy loses packets by itself: WireGuard's
# own packets going into the tunnel, the stream's going past it.
STRAYS = """
table inet strays {
  chain out {
    type filter hook output priority 100;
    oifname "wg0" udp dport 51820 counter
    oifname != "wg0" ip daddr 10.44.0.2 counter
  }
}
"""


@pytest.mark.slow
def test_a_stream_survives_reloads(pair: tuple[Namespace, Namespace], tmp_path: Path) -> None:
    left, _ = pair
    left.meshc("up", str(left_file(tmp_path, *VERSIONS[-1])), "--engine", "wireguard-go")
    left.run("nft", "-f", "-", input=STRAYS)
    # echo requests are counted: what is lost stays lost
    stream = left.start(
        *("ping", "-q", "-i", "0.005", "-s", "1000", "-I", "10.44.0.1", "10.44.0.2"),
        stdout=subprocess.PIPE,
    )
    seen = []
    for version in VERSIONS:
        left.meshc("reload", str(left_file(tmp_path, *version)))
        seen.append(left.shell("ip addr show wg0; ip route show table all; ip rule; wg"))
        assert stream.poll() is None, "the stream ended before the last reload"
    stream.send_signal(signal.SIGINT)
    said, _ = stream.communicate(timeout=TIMEOUT)
    sent, answered = map(int, re.findall(r"(\d+) (?:packets transmitted|received)", said))
    counters = re.findall(r"counter packets (\d+)", left.shell("nft list table inet strays"))
    print(f"{sent - answered} of {sent} lost, {counters} strayed")
    assert answered > sent / 2 > 50
    assert counters == ["0", "0"]
    assert len(set(seen)) == len(VERSIONS), "each reload changed something"


# Until standard input ends; both ends say how much it was.
SEND = """
import select, socket, sys
there = socket.create_connection(("10.44.0.2", 7000), source_address=("10.44.0.1", 0))
print("connected", flush=True)
sent = 0
while not select.select([sys.stdin], [], [], 0.002)[0]:
    there.sendall(bytes(4000))
    sent += 4000
there.close()
print(sent)
"""
TAKE = """
import socket
listener = socket.create_server(("10.44.0.2", 7000))
print("ready", flush=True)
there, total = listener.accept()[0], 0
while data := there.recv(1 << 16):
    total += len(data)
print(total)
"""


@pytest.mark.slow
def test_a_tcp_connection_survives_reloads(
    pair: tuple[Namespace, Namespace], tmp_path: Path
) -> None:
    left, right = pair
    left.meshc("up", str(left_file(tmp_path, *VERSIONS[-1])), "--engine", "wireguard-go")
    taker = right.start(sys.executable, "-c", TAKE, stdout=subprocess.PIPE)
    assert taker.stdout is not None
    assert taker.stdout.readline() == "ready\n"
    sender = left.start(
        *(sys.executable, "-c", SEND), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert sender.stdout is not None
    assert sender.stdout.readline() == "connected\n"
    for version in VERSIONS:
        left.meshc("reload", str(left_file(tmp_path, *version)))
    sent, _ = sender.communicate(timeout=TIMEOUT)
    taken, _ = taker.communicate(timeout=TIMEOUT)
    assert int(sent) == int(taken) > 100_000


def test_reload_reaches_the_state_of_a_fresh_up(
    pair: tuple[Namespace, Namespace], tmp_path: Path
) -> None:
    left, _ = pair
    for version in VERSIONS:
        left.meshc("up", str(left_file(tmp_path, *version)), "--engine", "wireguard-go")
        fresh = settled(left)
        left.meshc("down", "wg0")
        left.meshc("up", str(left_file(tmp_path, *VERSIONS[2])), "--engine", "wireguard-go")
        path = str(left_file(tmp_path, *version))
        left.meshc("reload", path)
        assert settled(left) == fresh
        assert "nothing to do" in left.meshc("reload", path).stdout
        left.meshc("down", "wg0")
    assert "wg0" not in left.shell("ip link; ip rule; nft list ruleset")


def test_a_learned_endpoint_stays(pair: tuple[Namespace, Namespace], tmp_path: Path) -> None:
    left, right = pair
    left.meshc("up", str(left_file(tmp_path, *VERSIONS[0])), "--engine", "wireguard-go")
    left.shell("ping -c 1 -W 10 10.44.0.2")
    # the other side moves: it is heard from a new port, which is learned
    right.shell("wg set wg0 listen-port 51999")
    right.shell("ping -c 9 -i 0.5 -W 5 10.44.0.1")
    assert "192.0.2.2:51999" in left.shell("wg show wg0 endpoints")
    left.meshc("reload", str(left_file(tmp_path, *VERSIONS[1])))
    assert "192.0.2.2:51999" in left.shell("wg show wg0 endpoints")
    # but a new endpoint in the file is meant
    moved = (STABLE[0], "Endpoint = 192.0.2.77:51820", STABLE[2])
    left.meshc("reload", str(left_file(tmp_path, *VERSIONS[1], stable=moved)))
    assert "192.0.2.77:51820" in left.shell("wg show wg0 endpoints")


def settled(one: Namespace) -> list[str]:
    """What must not depend on the way here; the kernel makes up a link-local address."""
    text = one.shell(
        "ip addr show wg0 | grep inet; ip -o link show wg0 | grep -o 'mtu [0-9]*'; ip rule;"
        "ip route show table all; ip -6 route show table all; wg showconf wg0; nft list ruleset"
    )
    return sorted(line for line in text.splitlines() if "fe80:" not in line)
