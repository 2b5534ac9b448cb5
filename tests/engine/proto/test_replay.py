from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshc.engine.proto.constants import REJECT_AFTER_MESSAGES, REPLAY_WINDOW
from meshc.engine.proto.replay import ReplayWindow


class Oracle:
    """Remembers every counter ever seen."""

    def __init__(self):
        self.seen = set()

    def accept(self, counter):
        greatest = max(self.seen, default=-1)
        fresh = counter not in self.seen and counter > greatest - REPLAY_WINDOW
        if fresh and counter < REJECT_AFTER_MESSAGES:
            self.seen.add(counter)
            return True
        return False


counters = st.one_of(
    st.integers(0, 50),
    st.integers(REPLAY_WINDOW - 20, REPLAY_WINDOW + 20),
    st.integers(2 * REPLAY_WINDOW - 20, 2 * REPLAY_WINDOW + 20),
    st.integers(REJECT_AFTER_MESSAGES - 3, (1 << 64) - 1),
)


@given(st.lists(counters, max_size=60))
def test_accepts_what_a_set_of_all_counters_would(sequence):
    window, oracle = ReplayWindow(), Oracle()
    for counter in sequence:
        assert window.accept(counter) is oracle.accept(counter)


@given(st.lists(st.tuples(counters, st.integers(1, 64)), max_size=30))
def test_a_run_is_the_same_as_one_by_one(runs):
    fast, oracle = ReplayWindow(), Oracle()
    for first, count in runs:
        span = range(first, first + count)
        if fast.accept_run(first, count):
            assert [oracle.accept(counter) for counter in span] == [True] * count
        else:
            assert [fast.accept(counter) for counter in span] == [
                oracle.accept(counter) for counter in span
            ]


def test_a_run_longer_than_the_window_is_taken_whole():
    window = ReplayWindow()
    assert window.accept_run(10, REPLAY_WINDOW + 5)
    assert not window.accept(REPLAY_WINDOW + 14)
    assert not window.accept(9)
    assert window.accept(REPLAY_WINDOW + 15)


def test_the_window_is_at_least_8192_wide():
    window = ReplayWindow()
    assert window.accept(8192)
    assert window.accept(1)
    assert not window.accept(0)


def test_memory_does_not_grow():
    window = ReplayWindow()
    for counter in range(0, 50 * REPLAY_WINDOW, 3):
        window.accept(counter)
    assert window._bits.bit_length() <= REPLAY_WINDOW
