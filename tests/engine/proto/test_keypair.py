from __future__ import annotations

from meshc.engine.proto.constants import REJECT_AFTER_MESSAGES
from meshc.engine.proto.keypair import Keypair, Keypairs


def keypair(index: int = 1, *, initiator: bool = True, birthday: float = 0.0) -> Keypair:
    return Keypair(
        send_key=bytes(32),
        receive_key=bytes(32),
        local_index=index,
        remote_index=index + 100,
        is_initiator=initiator,
        birthday=birthday,
    )


def slots(pairs: Keypairs) -> tuple[Keypair | None, Keypair | None, Keypair | None]:
    return pairs.previous, pairs.current, pairs.next


def test_an_initiator_uses_its_session_at_once():
    pairs, first, second, third = Keypairs(), keypair(1), keypair(2), keypair(3)
    assert pairs.insert(first) == []
    assert slots(pairs) == (None, first, None)
    assert pairs.insert(second) == []
    assert slots(pairs) == (first, second, None)
    assert pairs.insert(third) == [first]
    assert slots(pairs) == (second, third, None)


def test_a_responder_waits_for_confirmation():
    pairs, old, new = Keypairs(), keypair(1), keypair(2, initiator=False)
    pairs.insert(old)
    assert pairs.insert(new) == []
    assert slots(pairs) == (None, old, new)
    assert pairs.confirm(old) == (False, [])
    assert pairs.confirm(new) == (True, [])
    assert slots(pairs) == (old, new, None)


def test_a_newer_response_replaces_an_unconfirmed_one_and_the_previous():
    pairs = Keypairs()
    a, b = keypair(1), keypair(2)
    pairs.insert(a)
    pairs.insert(b)
    c, d = keypair(3, initiator=False), keypair(4, initiator=False)
    assert pairs.insert(c) == [a]
    assert pairs.insert(d) == [c]
    assert slots(pairs) == (None, b, d)


def test_an_unconfirmed_session_outlives_the_one_before_it():
    pairs = Keypairs()
    a, b, c = keypair(1), keypair(2, initiator=False), keypair(3)
    pairs.insert(a)
    pairs.insert(b)
    assert pairs.insert(c) == [a]
    assert slots(pairs) == (b, c, None)


def test_clear_returns_all():
    pairs, a, b = Keypairs(), keypair(1), keypair(2, initiator=False)
    pairs.insert(a)
    pairs.insert(b)
    assert pairs.clear() == [a, b]
    assert slots(pairs) == (None, None, None)


def test_a_session_ends_after_180_seconds_or_its_messages():
    pair = keypair(birthday=10.0)
    assert pair.usable(189.9)
    assert not pair.usable(190.0)
    pair.sealing.counter = REJECT_AFTER_MESSAGES - 2
    assert pair.usable(11.0, 2)
    assert not pair.usable(11.0, 3)
