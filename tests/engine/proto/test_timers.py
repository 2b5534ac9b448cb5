from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.engine.proto.timers import TIMER_NAMES, TimerQueue, Timers


def queue() -> TimerQueue[str]:
    return TimerQueue(lambda size: bytes(size))


def timers(owner: str = "a") -> tuple[TimerQueue[str], Timers[str]]:
    pending = queue()
    return pending, Timers(owner, pending)


@pytest.mark.parametrize(
    ("hook", "name", "delay"),
    [
        ("data_sent", "new_handshake", 15.0),
        ("data_received", "send_keepalive", 10.0),
        ("handshake_initiated", "retransmit_handshake", 5.0),
        ("session_derived", "zero_key_material", 540.0),
    ],
)
def test_hooks_start_their_timer(hook, name, delay):
    pending, one = timers()
    getattr(one, hook)(100.0)
    assert pending.next() == (100.0 + delay, name)
    assert pending.due(100.0 + delay - 0.001) == []
    assert pending.due(100.0 + delay) == [("a", [name])]
    assert pending.next() is None


def test_more_data_does_not_postpone():
    pending, one = timers()
    one.data_sent(0.0)
    one.data_sent(9.0)
    assert pending.next() == (15.0, "new_handshake")


def test_jitter_is_at_most_a_third_of_a_second():
    pending = TimerQueue(lambda size: b"\xff" * size)
    assert 0.33 < pending.jitter() < 0.334
    assert queue().jitter() == 0.0


def test_hearing_or_sending_stops_what_it_answers():
    pending, one = timers()
    one.data_sent(0.0)
    one.data_received(0.0)
    one.handshake_initiated(0.0)
    one.any_authenticated_packet_received()
    assert one.new_handshake == inf
    one.any_authenticated_packet_sent()
    assert one.send_keepalive == inf
    one.handshake_complete()
    assert one.retransmit_handshake == inf
    assert pending.due(1000.0) == []


def test_a_second_receipt_asks_for_another_keepalive():
    _, one = timers()
    one.data_received(0.0)
    assert not one.need_another_keepalive
    one.data_received(1.0)
    assert one.need_another_keepalive


def test_persistent_keepalive_changes_live():
    pending, one = timers()
    one.set_interval(25, 0.0)
    assert pending.next() == (25.0, "persistent_keepalive")
    one.any_authenticated_packet_traversal(20.0)
    assert pending.next() == (45.0, "persistent_keepalive")
    one.set_interval(5, 21.0)
    assert pending.next() == (26.0, "persistent_keepalive")
    one.set_interval(0, 22.0)
    assert pending.next() is None


def test_stop_stops_all():
    pending, one = timers()
    one.set_interval(25, 0.0)
    one.data_sent(0.0)
    one.stop()
    assert pending.next() is None


def test_a_busy_peer_leaves_few_entries():
    pending, one = timers()
    one.set_interval(25, 0.0)
    for step in range(100_000):
        now = step / 100
        one.session_derived(now) if step % 12_000 == 0 else None
        one.data_received(now)
        one.any_authenticated_packet_received()
        one.any_authenticated_packet_sent()
        one.any_authenticated_packet_traversal(now)
        one.data_sent(now)
        pending.due(now)
    assert len(pending) <= len(TIMER_NAMES)


settings_ = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.sampled_from(TIMER_NAMES),
        st.one_of(st.integers(1, 30), st.just(None)),
        st.integers(0, 3),
    ),
    max_size=60,
)


@given(settings_)
def test_fires_what_a_scan_of_all_deadlines_would(sequence):
    pending = queue()
    owners = {owner: Timers(owner, pending) for owner in "ab"}
    oracle = {}
    now = 0
    for owner, name, delay, step in sequence:
        deadline = inf if delay is None else now + delay
        owners[owner].set(name, deadline)
        oracle[owner, name] = deadline
        now += step
        expected = {key for key, value in oracle.items() if value <= now}
        fired = {(who, what) for who, names in pending.due(now) for what in names}
        assert fired == expected
        oracle.update(dict.fromkeys(expected, inf))
        following = pending.next()
        assert (following[0] if following else inf) == min(oracle.values(), default=inf)
        assert len(pending) <= 2 * len(TIMER_NAMES) + 2
