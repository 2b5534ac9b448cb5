"""The jobs of a liar and of who looks on, without any tunnel."""

from __future__ import annotations

import os
import shutil

import pytest

from meshc.lab.commands import RunCommand
from meshc.lab.probe.lies import FalsePacket, LieFindings, WatchLies, _send
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


def test_a_source_need_not_be_ones_own() -> None:
    for packet in (FalsePacket("192.0.2.77", "127.0.0.1", 9), FalsePacket("::1", "::1", 9)):
        _send(packet)
