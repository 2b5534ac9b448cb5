from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshc.engine.proto import datapath
from meshc.engine.proto.sealing import MAX_SEGMENTS, MAX_SEND, OVERHEAD, SealedRun, Send
from tests.support.sessions import keypairs


def datagrams(sends: list[Send]) -> list[bytes]:
    """What a receiver sees of sends with UDP_SEGMENT."""
    result = []
    for data, segment, number in sends:
        pieces = [bytes(data[at : at + segment]) for at in range(0, len(data), segment)]
        assert len(pieces) == number
        result += pieces
    return result


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 90).map(lambda n: n * 16), st.integers(1, 70)), max_size=8)
)
def test_a_run_seals_what_the_plain_way_seals(bursts: list[tuple[int, int]]) -> None:
    ours, _ = keypairs()
    oracle, _ = keypairs()
    run = SealedRun()
    found: list[Send] = []
    expected = []
    copies: list[bytes] = []
    for number, (size, count) in enumerate(bursts):
        packets = [memoryview(bytes([number]) * size) for _ in range(count)]
        if not run.fits(size, count):
            copies += datagrams(list(run.take(everything=True)))
        run.seal(ours, packets, count)
        copies += datagrams(list(run.take(everything=False)))
        expected += datapath.seal(oracle, [bytes(packet) for packet in packets], 0)
    copies += datagrams(list(run.take(everything=True)))

    assert copies == expected
    assert not found
    assert ours.send_counter == oracle.send_counter


def test_sends_obey_the_limits_of_udp_segmentation() -> None:
    ours, _ = keypairs()
    run = SealedRun()
    run.seal(ours, [memoryview(bytes(1424))] * 100, 100)
    run.seal(ours, [memoryview(bytes(160))], 1)

    sends = list(run.take(everything=True))

    assert [send.number for send in sends] == [44, 44, 13]
    for send in sends:
        assert len(send.data) <= MAX_SEND
        assert send.number <= MAX_SEGMENTS
    assert not run


def test_without_everything_only_full_sends_leave() -> None:
    ours, _ = keypairs()
    run = SealedRun()
    run.seal(ours, [memoryview(bytes(1424))] * 47, 47)

    assert [send.number for send in run.take(everything=False)] == [44]
    assert run.fits(1424, 47), "the rest waits for more"
    run.seal(ours, [memoryview(bytes(1424))] * 41, 41)
    assert [send.number for send in run.take(everything=False)] == [44]
    assert not run


def test_only_a_shorter_last_packet_joins_a_run_and_it_closes_it() -> None:
    ours, _ = keypairs()
    run = SealedRun()
    run.seal(ours, [memoryview(bytes(320))] * 5, 5)

    assert not run.fits(336, 1)
    assert not run.fits(304, 2)
    assert run.fits(304, 1)
    run.seal(ours, [memoryview(bytes(304))], 1)
    assert not run.fits(320, 1)
    assert not run.fits(304, 1)
    assert [send.number for send in run.take(everything=False)] == [6], "a closed run is complete"


@pytest.mark.parametrize("count", [1, 3, 4, 64])
def test_few_and_many_make_the_same_messages(count: int) -> None:
    ours, _ = keypairs()
    oracle, _ = keypairs()
    ours.send_counter = oracle.send_counter = 2**33
    run = SealedRun()
    run.seal(ours, [memoryview(bytes(48))] * count, count)

    assert datagrams(list(run.take(everything=True))) == datapath.seal(
        oracle, [bytes(48)] * count, 0
    )


def test_the_room_of_an_empty_run_is_that_of_its_buffer() -> None:
    assert SealedRun.room(1424) * (1424 + OVERHEAD) <= 384 * 1024
    assert SealedRun.room(1424) > 128
