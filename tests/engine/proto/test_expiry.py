"""The five timers of whitepaper section 6, as a watcher on the wire sees them."""

from __future__ import annotations

import itertools

from meshc.engine.proto.drop_reason import DropReason
from meshc.engine.proto.events import (
    HandshakeAbandoned,
    HandshakeInitiated,
    KeysZeroed,
)
from meshc.engine.testing import ipv4_packet
from tests.support.engine_pair import A, B, EnginePair


def test_retransmission_after_five_seconds_with_jitter_twenty_times_as_in_the_kernel():
    pair = EnginePair()
    pair.net.loss = 1.0
    pair.ping()
    pair.net.run(300)
    times = [time for time, _, kind, _ in pair.wire if kind == 1]
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert len(times) == 20
    assert all(5.0 <= gap <= 5.334 for gap in gaps)
    assert len(set(gaps)) > 10
    (abandoned,) = pair.events(pair.a, HandshakeAbandoned)
    assert abandoned.dropped == 1
    assert pair.a.device.drops[DropReason.HANDSHAKE_ABANDONED] == 1
    attempts = [event.attempt for event in pair.events(pair.a, HandshakeInitiated)]
    assert attempts == list(range(20))


def test_a_new_packet_after_giving_up_tries_again():
    pair = EnginePair()
    pair.net.loss = 1.0
    pair.ping()
    pair.net.run(200)
    pair.net.loss = 0.0
    pair.ping(b"again")
    pair.net.run(0.1)
    assert pair.b.delivered == [ipv4_packet(A, B, b"again")]


def test_passive_keepalive_ten_seconds_after_unanswered_data():
    pair = EnginePair()
    pair.connect()
    pair.net.run(11)
    assert [(who, kind, size) for _, who, kind, size in pair.wire] == [("b", 4, 32)]
    pair.net.run(60)
    assert len(pair.wire) == 1, "a keepalive is not answered by a keepalive"


def test_an_answer_makes_the_keepalive_unnecessary():
    pair = EnginePair()
    pair.connect()
    pair.pong()
    pair.net.run(8)
    pair.ping()
    pair.net.run(5)
    assert [size for _, _, _, size in pair.wire if size == 32] == []


def test_silence_after_data_brings_a_new_handshake_after_fifteen_seconds():
    pair = EnginePair()
    pair.connect()
    pair.net.loss = 1.0
    pair.ping()
    start = pair.net.now
    pair.net.run(20)
    initiations = [time - start for time, who, kind, _ in pair.wire if (who, kind) == ("a", 1)]
    assert len(initiations) == 1
    assert 15.0 <= initiations[0] <= 15.334


def test_persistent_keepalive_keeps_its_interval_and_changes_live():
    pair = EnginePair(keepalive=25)
    pair.net.run(1)
    pair.wire.clear()
    pair.net.run(76)
    assert [size for _, who, _, size in pair.wire if who == "a"] == [32, 32, 32]
    pair.net.peer(pair.a, pair.b, keepalive=0)
    pair.wire.clear()
    pair.net.run(100)
    assert pair.wire == []
    pair.net.peer(pair.a, pair.b, keepalive=10)
    pair.net.run(0.01)
    assert pair.wire, "switching it on sends one at once"


def test_traffic_postpones_the_persistent_keepalive():
    pair = EnginePair(keepalive=25)
    pair.net.run(1)
    pair.wire.clear()
    for _ in range(5):
        pair.net.run(20)
        pair.ping()
    assert [size for _, who, kind, size in pair.wire if who == "a" and size == 32] == []


def test_all_keys_are_zeroed_after_540_seconds():
    pair = EnginePair()
    pair.connect()
    pair.net.run(539)
    assert len(pair.a.device._sessions.indices) == 1
    pair.net.run(2)
    for node in (pair.a, pair.b):
        assert len(node.device._sessions.indices) == 0
        assert list(pair.peer_of(node).keypairs) == []
        assert pair.events(node, KeysZeroed)
        assert node.device.next_timeout() is None, "an idle peer costs nothing"


def test_giving_up_also_leads_to_zeroing():
    pair = EnginePair()
    pair.net.loss = 1.0
    pair.ping()
    pair.net.run(107 + 541)
    assert pair.events(pair.a, KeysZeroed)
    assert len(pair.a.device._sessions.indices) == 0
