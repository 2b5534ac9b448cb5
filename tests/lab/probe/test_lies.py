"""The jobs of a liar and of who looks on, without any tunnel."""

from __future__ import annotations

import os
import shutil
import socket

import pytest

from meshc.lab.commands import RunCommand
from meshc.lab.probe.lies import FalsePacket, LieFindings, WatchLies, datagram
from meshc.lab.world.jobs import PlacedJob
from tests.support.labs import a_spec, relay
from tests.support.running import running

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed"),
]


def test_a_packet_is_known_again_by_its_port_where_it_leaves() -> None:
    """Sent by another program here, so that it is the watching that is looked at."""
    with running(a_spec(relay())) as (lab, world):
        target = world.hosts[0]
        wanted = FalsePacket("10.44.0.9", target, 47_001)
        other = FalsePacket("10.44.0.9", target, 47_002)
        words = f"sleep 1; for i in 1 2 3; do echo lie > /dev/udp/{target}/47001; done"
        jobs: list[PlacedJob[object]] = [
            PlacedJob("relay", WatchLies("wg0", (wanted, other), seconds=3.0)),
            PlacedJob("relay", RunCommand(("bash", "-c", words))),
        ]
        found = {o.number: o.value for o in lab.run(jobs, parallel=2)}
    assert found[0] == LieFindings((wanted,), 0)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_lie_is_a_packet_that_the_kernel_takes(address: str) -> None:
    """Which it does not with a wrong length or checksum."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with (
        socket.socket(family, socket.SOCK_DGRAM) as ear,
        socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW) as mouth,
    ):
        ear.bind((address, 0))
        ear.settimeout(5)
        port = ear.getsockname()[1]
        lie = datagram(FalsePacket(address, address, port))
        mouth.sendto(lie[:-1] + b"!", (address, 0))
        mouth.sendto(lie, (address, 0))
        data, sender = ear.recvfrom(64)
    assert (data, sender[:2]) == (b"lie", (address, port)), "and not the one that was changed"
