"""Control messages between two machines: the sender is a number, and a closed port is heard of."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from meshc.agent.tunnel_socket import TunnelSocket
from meshc.errors import NodeError
from meshc.prefixes import Prefix
from tests.support.netns import Namespace, namespaces, needs_root

SCRIPT = """
import select, subprocess, sys, time
from meshc.agent.tunnel_socket import TunnelSocket
from meshc.prefixes import Prefix
me, other, listens = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "listens"
ECHO = '''
import select
from meshc.agent.tunnel_socket import TunnelSocket
from meshc.prefixes import Prefix
with TunnelSocket("v1", Prefix.host("fe80::2")) as wire:
    print("ready", flush=True)
    while True:
        select.select([wire], [], [])
        for sender, data in wire.arrived():
            wire.send(sender, b"echo " + data)
'''
echo = None
if listens:
    inside = ["ip", "netns", "exec", "x", sys.executable, "-c", ECHO]
    echo = subprocess.Popen(inside, stdout=subprocess.PIPE, text=True)
    assert echo.stdout.readline() == "ready\\n"
try:
    with TunnelSocket("v0", Prefix.host("fe80::1")) as wire:
        end = time.monotonic() + 60
        found = []
        while not found and time.monotonic() < end:
            wire.send(other, b"hello")
            select.select([wire], [], [wire], 0.5)
            found = list(wire.arrived())
        print(found[:1])
finally:
    if echo is not None:
        echo.kill()
"""


@pytest.fixture
def box() -> Iterator[Namespace]:
    """Two machines on one cable: the box itself, and x."""
    with namespaces("box") as (one,):
        one.shell("ip netns add x; ip link add v0 type veth peer name v1 netns x")
        one.shell("ip addr add fe80::1/64 dev v0 nodad; ip link set v0 up")
        one.shell("ip -n x addr add fe80::2/64 dev v1 nodad; ip -n x link set v1 up")
        yield one
        one.shell("ip netns del x")


@pytest.mark.root
@needs_root[1]
@needs_root[2]
@pytest.mark.parametrize(
    ("how", "answer"),
    [
        ("listens", "[Arrived(sender=2, data=b'echo hello')]"),
        ("closed", "[Arrived(sender=2, data=None)]"),
    ],
)
def test_a_packet_is_answered_or_refused(box: Namespace, how: str, answer: str) -> None:
    told = box.run(sys.executable, "-c", SCRIPT, "1", "2", how)
    assert told.stdout.strip() == answer


def test_without_the_interface_it_does_not_listen_anywhere_else() -> None:
    with pytest.raises(NodeError, match="could not listen at fe80::1 on nowhere0"):
        TunnelSocket("nowhere0", Prefix.host("fe80::1"))
