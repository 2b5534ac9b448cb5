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

    assert (before.roamed, after.roamed) == ((0,), (1,))
    assert after.state.peers[0].endpoint == pair.a.outside.endpoint
