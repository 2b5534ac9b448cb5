from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshc.engine.proto.gso import MAX_SEGMENTS, MAX_SEND, GsoBuffer, Send, sends_of


def join(run: GsoBuffer, size: int, count: int, last_size: int = 0) -> None:
    """Datagrams of `size` bytes, as if they had been sealed."""
    run.begin(size)
    run.add(count, size, last_size)


def datagrams(sends: list[Send]) -> list[bytes]:
    """What a receiver sees of sends with UDP_SEGMENT."""
    result = []
    for data, segment, number in sends:
        pieces = [bytes(data[at : at + segment]) for at in range(0, len(data), segment)]
        assert len(pieces) == number <= MAX_SEGMENTS
        assert len(data) <= MAX_SEND
        result += pieces
    return result


def test_sends_obey_the_limits_of_udp_segmentation() -> None:
    run = GsoBuffer()
    join(run, 1456, 100)
    join(run, 192, 1)

    sends = list(run.take(everything=True))

    assert [send.number for send in sends] == [44, 44, 13]
    for send in sends:
        assert len(send.data) <= MAX_SEND
        assert send.number <= MAX_SEGMENTS
    assert not run


def test_without_everything_only_full_sends_leave() -> None:
    run = GsoBuffer()
    join(run, 1456, 47)

    assert [send.number for send in run.take(everything=False)] == [44]
    assert run.fits(1456, 47), "the rest waits for more"
    join(run, 1456, 41)
    assert [send.number for send in run.take(everything=False)] == [44]
    assert not run


def test_only_a_shorter_last_packet_joins_a_run_and_it_closes_it() -> None:
    run = GsoBuffer()
    join(run, 352, 5)

    assert not run.fits(368, 1)
    assert not run.fits(336, 2)
    assert run.fits(336, 1)
    join(run, 336, 1)
    assert not run.fits(352, 1)
    assert not run.fits(336, 1)
    assert [send.number for send in run.take(everything=False)] == [6], "a closed run is complete"


def test_a_super_packet_of_one_short_segment_makes_an_empty_buffer_as_narrow() -> None:
    run = GsoBuffer()
    run.begin(1456)
    run.add(1, 96)

    assert [send.segment for send in run.take(everything=True)] == [96]


@given(st.lists(st.tuples(st.integers(1, 90), st.integers(1, 70)), max_size=8))
def test_what_joins_leaves_in_order_and_whole(bursts: list[tuple[int, int]]) -> None:
    run = GsoBuffer()
    found: list[bytes] = []
    expected = []
    for number, (units, count) in enumerate(bursts):
        size = units * 16
        if not run.fits(size, count):
            found += datagrams(list(run.take(everything=True)))
        at = run.begin(size)
        data = bytes([number]) * size
        run.arena.view[at : at + count * size] = data * count
        run.add(count, size)
        found += datagrams(list(run.take(everything=False)))
        expected += [data] * count
    found += datagrams(list(run.take(everything=True)))

    assert found == expected
    assert not run


@given(st.lists(st.integers(1, 1500), max_size=200))
def test_separate_datagrams_leave_in_order_and_whole(sizes: list[int]) -> None:
    given_datagrams = [bytes([i]) * size for i, size in enumerate(sizes)]

    assert datagrams(sends_of(given_datagrams)) == given_datagrams
