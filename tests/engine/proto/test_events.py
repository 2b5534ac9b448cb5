from __future__ import annotations

from meshc.engine.proto.events import HandshakeCompleted, HandshakeInitiated, KeysZeroed
from tests.support.engine_pair import EnginePair


def test_the_life_of_a_session_is_told_on_both_sides() -> None:
    pair = EnginePair()
    a, b = pair.a.public_key, pair.b.public_key
    pair.connect()
    pair.net.run(600)

    assert pair.a.events[0] == HandshakeInitiated(b, 0)
    (completed,) = (event for event in pair.a.events if isinstance(event, HandshakeCompleted))
    assert (completed.public_key, completed.is_initiator) == (b, True)
    (completed,) = (event for event in pair.b.events if isinstance(event, HandshakeCompleted))
    assert (completed.public_key, completed.is_initiator) == (a, False)
    assert pair.a.events[-1] == KeysZeroed(b)
    assert pair.b.events[-1] == KeysZeroed(a)
