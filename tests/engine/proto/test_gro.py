from __future__ import annotations

from meshc.engine.proto.gro import Datagrams, GroBuffer
from tests.support.opened import OpenedPackets, seal_all, unlike_packets
from tests.support.packets import udp
from tests.support.sessions import keypairs


def test_jumbo_datagrams_fit_as_many_as_the_buffer_takes() -> None:
    ours, theirs = keypairs()
    receiver = OpenedPackets()
    expected = [udp(bytes([i]) * 8900, sport=i + 1) for i in range(GroBuffer.most(8980))]

    receiver.open(theirs, seal_all(ours, expected))

    assert sorted(receiver.deliver()) == sorted(expected)


def test_a_run_that_does_not_fit_is_refused_in_advance() -> None:
    ours, theirs = keypairs()
    receiver = OpenedPackets()
    receiver.open(theirs, seal_all(ours, unlike_packets(4)))

    assert receiver.rows.fits(Datagrams(0, 2000, 2000, 50))
    assert not receiver.rows.fits(Datagrams(0, 2000, 2000, 200)), "too many"
    assert not receiver.rows.fits(Datagrams(0, 9000, 9000, 1)), "too wide for these rows"
