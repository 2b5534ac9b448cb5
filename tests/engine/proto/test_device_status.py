from __future__ import annotations

from meshc.engine.proto.drop_reason import DropReason
from tests.support.engine_pair import EnginePair


def test_a_status_tells_only_of_drops_that_happened() -> None:
    pair = EnginePair()
    pair.connect()
    assert pair.b.device.status().drops == {}

    pair.b.device.receive_datagrams([(b"\4\0\0\0" + bytes(40), pair.a.outside)], pair.net.now)

    assert pair.b.device.status().drops == {DropReason.UNKNOWN_INDEX: 1}


def test_a_status_counts_for_each_peer_how_often_it_roamed() -> None:
    pair = EnginePair()
    pair.connect()
    before = pair.b.device.status()
    pair.net.rebind(pair.a, "198.51.100.7")
    pair.ping()
    pair.net.run(0.1)
    after = pair.b.device.status()

    assert [status.peers[0].roamed for status in (before, after)] == [0, 1]


def test_a_status_can_be_read_in_parts() -> None:
    pair = EnginePair()
    for name in "cde":
        pair.net.peer(pair.a, pair.net.add(name, f"192.0.2.{ord(name)}"), "10.0.1.1/32")
    whole = pair.a.device.status()
    parts = [pair.a.device.status(first, 3) for first in (0, 3, 6)]

    assert [len(part.peers) for part in parts] == [3, 1, 0]
    assert tuple(peer for part in parts for peer in part.peers) == whole.peers
    assert {part.total for part in parts} == {4}
