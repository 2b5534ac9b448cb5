"""An engine under a flood of initiations keeps its session and lets a new peer in.

a (wireguard-go, and the flooder) ── veth ── b (the engine)      see tests/support/enginenet.py
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.enginenet import Net, end, run

pytestmark = [pytest.mark.root]

# argv: the victim's public key, or - for a wrong mac1. Each message has a source of its own in
# 100.64.0.0/10, and there are 1,000 of them a second: twice what counts as load, and what a machine
# that is busy with other tests can still look at.
_FLOOD = """
import base64, hashlib, os, socket, struct, sys, time
key = sys.argv[1]
mac1_key = hashlib.blake2s(b"mac1----" + base64.b64decode(key)).digest() if key != "-" else None
def packet(number):
    body = struct.pack("<II", 1, number) + os.urandom(108)
    mac1 = os.urandom(16)
    if mac1_key:
        mac1 = hashlib.blake2s(body, key=mac1_key, digest_size=16).digest()
    data = body + mac1 + bytes(16)
    udp = struct.pack("!HHHH", 1024 + number, 51820, 8 + len(data), 0) + data
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0)
    source = (100 << 24 | 64 << 16 | number * 997 % (1 << 22)).to_bytes(4, "big")
    return head + source + socket.inet_aton("10.98.0.2") + udp
packets = [packet(number) for number in range(2000)]
sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
sock.connect(("10.98.0.2", 0))
print("ready", flush=True)
while True:
    for start in range(0, len(packets), 10):
        for data in packets[start : start + 10]:
            sock.send(data)
        time.sleep(0.01)
"""


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    with Net(tmp_path) as net:
        run("ip", "-n", net.namespaces["b"], "route", "add", "default", "via", "10.98.0.1")
        yield net


@contextmanager
def flood(net: Net, key: str) -> Iterator[None]:
    process = subprocess.Popen(
        ["ip", "netns", "exec", net.namespaces["a"], sys.executable, "-c", _FLOOD, key],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield
        assert process.poll() is None, "the flood ended by itself"
    finally:
        end(process)
        if process.stdout is not None:
            process.stdout.close()


@pytest.mark.parametrize("right", [False, True], ids=["wrong-mac1", "right-mac1"])
def test_a_flood_stops_neither_old_nor_new_peers(net: Net, right: bool) -> None:
    net.start("b", "meshc")
    net.configure("b", endpoint=None)
    net.start("a", "wireguard-go")
    with flood(net, net.public("b") if right else "-"):
        net.configure("a", endpoint="10.98.0.2:51820")
        # with a cookie it would be the second attempt, after five seconds
        net.ping("a", "10.99.0.2")
        net.transfer("a", "10.99.0.2", 4)
        net.transfer("b", "10.99.0.1", 4)
