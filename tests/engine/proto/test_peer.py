from __future__ import annotations

from meshc.engine.proto.constants import MAX_STAGED_PACKETS
from meshc.engine.proto.peer import Peer
from meshc.engine.proto.timers import TimerQueue


def test_staging_pushes_out_the_oldest():
    peer = Peer(bytes(32), TimerQueue(bytes))
    packets = [number.to_bytes(2, "big") for number in range(MAX_STAGED_PACKETS + 3)]
    assert peer.stage(packets[:2]) == 0
    assert peer.stage(packets[2:]) == 3
    assert list(peer.staged) == packets[3:]


def test_repr_names_it_briefly():
    assert repr(Peer(b"\xab" * 32, TimerQueue(bytes))) == "Peer(abababab…)"
