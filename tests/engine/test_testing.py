"""The test network must itself be right: what it loses, copies, delays and lets through a NAT."""

from __future__ import annotations

from meshc.engine.proto.udp_path import UdpPath
from meshc.engine.testing import ManualClock, Network, ipv4_packet, numbered_packets


def pair(**options) -> tuple[Network, object, object]:
    net = Network(**options)
    a, b = net.add("a", "192.0.2.1"), net.add("b", "192.0.2.2")
    net.peer(a, b, "10.0.0.2/32", endpoint=b.outside)
    net.peer(b, a, "10.0.0.1/32", endpoint=a.outside)
    return net, a, b


def test_the_clock_moves_by_hand():
    clock = ManualClock(5.0)
    assert (clock.advance(2.5), clock.now) == (7.5, 7.5)


def test_the_same_seed_gives_the_same_run():
    def run() -> list[bytes]:
        net, a, b = pair(seed=3, loss=0.3, duplicate=0.2, reorder=0.5)
        packets = numbered_packets("10.0.0.1", "10.0.0.2")
        for _ in range(100):
            net.inject(a, next(packets))
            net.run(1)
        return b.delivered

    first = run()
    assert first == run()
    assert first != sorted(first) or len(first) < 100


def test_loss_is_what_was_asked_for():
    net, a, b = pair(seed=1)
    net.inject(a, ipv4_packet("10.0.0.1", "10.0.0.2"))
    net.run(1)
    net.loss = 0.2
    for _ in range(100):
        net.inject(a, *[ipv4_packet("10.0.0.1", "10.0.0.2")] * 20)
        net.run(0.02)
    assert 1500 < len(b.delivered) < 1700


def test_a_nat_lets_in_answers_only():
    net = Network()
    a = net.add("a", "10.1.1.1", nat=True)
    a.outside = UdpPath("198.51.100.1", 4000)
    b = net.add("b", "192.0.2.2")
    net.peer(b, a, "10.0.0.1/32", endpoint=a.outside)
    net.peer(a, b, "10.0.0.2/32", endpoint=b.outside)
    net.inject(b, ipv4_packet("10.0.0.2", "10.0.0.1", b"in"))
    net.run(4)
    assert a.delivered == []
    net.inject(a, ipv4_packet("10.0.0.1", "10.0.0.2", b"out"))
    net.run(4)
    assert a.delivered == [ipv4_packet("10.0.0.2", "10.0.0.1", b"in")]


def test_the_diagram_shows_the_last_messages():
    net, a, _ = pair()
    net.inject(a, ipv4_packet("10.0.0.1", "10.0.0.2"))
    net.run(1)
    lines = net.diagram().splitlines()
    assert lines[0] == "sequenceDiagram"
    assert [line.split()[2] for line in lines[1:]] == ["initiation", "response", "data"]
