"""The state table of a path, row by row."""

from __future__ import annotations

from meshc.agent.core.path_probe import ANSWERS, MISSES, PathProbe, PathState


def probe_until_dead(path: PathProbe, now: float) -> float:
    for _ in range(MISSES + 1):
        path.next(now)
        now += 1
    return now


def test_a_path_is_live_from_its_first_answer() -> None:
    path = PathProbe()
    assert path.state is PathState.UNKNOWN
    assert path.carries
    assert not path.live
    assert path.answered(path.next(5.0), 5.1)
    assert path.live
    assert path.since == 5.1


def test_three_probes_without_an_answer_and_it_is_dead_and_no_sooner() -> None:
    path = PathProbe()
    path.answered(path.next(0.0), 0.0)
    states = []
    for second in range(1, 6):
        path.next(float(second))
        states.append(path.state)
    assert states == [PathState.LIVE] * 3 + [PathState.DEAD] * 2
    assert not path.carries


def test_an_answer_in_between_begins_the_count_anew() -> None:
    path = PathProbe()
    for second in range(30):
        counter = path.next(float(second))
        if second % 3 == 0:
            assert path.answered(counter, second + 0.5)
        assert path.state is PathState.LIVE


def test_a_dead_path_needs_three_answers_in_a_row() -> None:
    path = PathProbe()
    now = probe_until_dead(path, 0.0)
    for count in range(1, ANSWERS + 1):
        assert not path.live
        path.answered(path.next(now), now)
        assert path.answers == count
    assert path.live


def test_what_answers_an_earlier_probe_says_nothing_of_now() -> None:
    path = PathProbe()
    early = path.next(0.0)
    path.next(1.0)
    assert not path.answered(early, 1.1)
    assert not path.live
    assert path.answered(path.counter, 1.2)
    assert not path.answered(path.counter, 1.3), "the same answer twice is one"


def test_a_refusal_says_that_packets_pass_and_nobody_can_be_asked() -> None:
    path = PathProbe()
    now = probe_until_dead(path, 0.0)
    path.refused(now)
    assert path.state is PathState.MUTE
    assert path.carries
    assert not path.live
    probe_until_dead(path, now)
    assert path.state is PathState.DEAD


def test_the_counter_wraps() -> None:
    path = PathProbe(counter=0xFFFFFFFF)
    assert path.next(0.0) == 0
