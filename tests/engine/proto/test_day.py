"""A working day of traffic over a bad network, in seconds."""

from __future__ import annotations

import struct
import tracemalloc

import pytest

from meshc.engine.proto.events import HandshakeAbandoned, HandshakeCompleted
from meshc.engine.proto.udp_path import UdpPath
from meshc.engine.testing import (
    START_UNIX_NS,
    Network,
    SimulatedNode,
    ipv4_packet,
    numbered_packets,
)
from tests.support.bulknode import BulkNode

HOUR = 3600
HOURS = 8
EVERY = 4  # seconds between packets
A, B = "10.0.0.1", "10.0.0.2"


class NonceWatch:
    """Every counter of every session on the wire grows."""

    def __init__(self) -> None:
        self.newest: dict[tuple[str, int], int] = {}

    def __call__(self, node: SimulatedNode, endpoint: UdpPath, data: bytes) -> None:
        if data[0] == 4:
            index, counter = struct.unpack_from("<IQ", data, 4)
            assert counter > self.newest.get((node.name, index), -1)
            self.newest[node.name, index] = counter


def size_of(node: SimulatedNode) -> tuple[int, int, int, int]:
    sessions = node.device._sessions
    return (
        len(sessions.indices),
        len(sessions.timers),
        len(sessions.admission.queue),
        max(len(list(peer.keypairs)) for peer in sessions.peers.values()),
    )


class Ledger:
    """Each numbered packet arrives once at most, and only from its sender."""

    def __init__(self, node: SimulatedNode, source: str, count: int) -> None:
        self.node, self.source = node, bytes(map(int, source.split(".")))
        self.seen = bytearray(count)

    def settle(self) -> int:
        """Books what was delivered since the last time; how many that were."""
        for packet in self.node.delivered:
            assert packet[12:16] == self.source
            number = int.from_bytes(packet[20:28], "big")
            assert not self.seen[number], "delivered twice"
            self.seen[number] = 1
        count = len(self.node.delivered)
        self.node.delivered.clear()
        return count


@pytest.mark.slow
@pytest.mark.parametrize("node_class", [SimulatedNode, BulkNode], ids=["plain", "fast"])
def test_a_working_day_with_loss_and_reordering(node_class):
    net = Network(
        seed=7,
        loss=0.2,
        reorder=0.3,
        reorder_delay=3.0,
        duplicate=0.05,
        node_class=node_class,
    )
    a, b = net.add("a", "192.0.2.1"), net.add("b", "192.0.2.2")
    net.peer(a, b, B + "/32", endpoint=b.outside, keepalive=25)
    net.peer(b, a, A + "/32", endpoint=a.outside)
    watch = NonceWatch()
    net.taps.append(watch)
    from_a, from_b = numbered_packets(A, B), numbered_packets(B, A)
    ledgers = [Ledger(a, B, HOURS * HOUR // EVERY), Ledger(b, A, HOURS * HOUR // EVERY)]
    memory = []
    tracemalloc.start()
    for _ in range(HOURS):
        for _ in range(HOUR // EVERY):
            net.inject(a, next(from_a))
            net.inject(b, next(from_b))
            net.run(EVERY)
            assert max(size_of(a) + size_of(b)) <= 6, net.diagram()
        for node, ledger in zip((a, b), ledgers, strict=True):
            assert ledger.settle() > 0.77 * HOUR / EVERY, net.diagram()
            assert not [event for event in node.events if isinstance(event, HandshakeAbandoned)]
            completed = [event for event in node.events if isinstance(event, HandshakeCompleted)]
            assert len(completed) >= HOUR / 180
            node.events.clear()
        watch.newest = dict(list(watch.newest.items())[-8:])
        memory.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert max(memory[2:]) < memory[1] + 100_000, "memory grows"


def test_a_week_of_keepalives_and_silence_stays_flat():
    net = Network(seed=2)
    a, b = net.add("a", "192.0.2.1"), net.add("b", "192.0.2.2")
    net.peer(a, b, B + "/32", endpoint=b.outside, keepalive=25)
    net.peer(b, a, A + "/32")
    sizes = set()
    for _ in range(7 * 24):
        net.run(HOUR)
        sizes.add(max(size_of(a) + size_of(b)))
        assert a.device.state().peers[0].last_handshake > 0
        a.events.clear()
        b.events.clear()
    assert max(sizes) <= 6


def test_a_hub_with_forty_spokes_keeps_them_all():
    net = Network(seed=4, loss=0.02, delay=0.02)
    hub = net.add("hub", "192.0.2.1")
    spokes = [net.add(f"s{n}", f"198.51.100.{n}", nat=True) for n in range(40)]
    for number, spoke in enumerate(spokes):
        net.peer(hub, spoke, f"10.0.1.{number}/32")
        net.peer(spoke, hub, "10.0.0.0/16", endpoint=hub.outside, keepalive=25)
    net.run(600)
    for peer in hub.device.state().peers:
        age = net.now - (peer.last_handshake - START_UNIX_NS) / 1e9
        assert age < 150, net.diagram()
    for number, spoke in enumerate(spokes):
        net.inject(hub, ipv4_packet("10.0.0.1", f"10.0.1.{number}", bytes(8)))
        assert len(spoke.events) >= 5
    net.loss = 0.0
    net.run(20)
    assert sum(len(spoke.delivered) for spoke in spokes) >= 36
    assert len(hub.device.sessions.indices) <= 3 * 40
    assert len(hub.device.sessions.timers) <= 6 * 40
