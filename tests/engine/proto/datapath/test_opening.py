from __future__ import annotations

import pytest

from meshc.engine.proto.datapath import Arena, Opened
from meshc.engine.proto.datapath.opening import same_session
from tests.support.opened import OpenedPackets, seal_all, unlike_packets
from tests.support.sessions import keypairs

pytestmark = pytest.mark.usefixtures("each_road")


@pytest.mark.parametrize("count", [1, 3, 4, 45])
@pytest.mark.parametrize("stride", [0, 700])
def test_a_run_opens_to_what_was_sealed(count: int, stride: int) -> None:
    ours, theirs = keypairs()
    expected = unlike_packets(count)
    receiver = OpenedPackets()

    opened = receiver.open(theirs, seal_all(ours, expected), stride)

    assert opened == Opened(accepted=count, data=count, bad=0, replayed=0, dead_mask=0)
    assert sorted(receiver.deliver()) == sorted(expected)
    assert not receiver.rows


def test_a_keepalive_counts_but_delivers_nothing() -> None:
    ours, theirs = keypairs()
    receiver = OpenedPackets()

    opened = receiver.open(theirs, seal_all(ours, [b""]))

    assert opened == Opened(accepted=1, data=0, bad=0, replayed=0, dead_mask=0)
    assert not receiver.rows


@pytest.mark.parametrize("lengths", [[1], [5], [2, 3], [1, 1, 4]])
def test_a_run_is_divided_where_the_receiver_index_changes(lengths: list[int]) -> None:
    heads = []
    for index, length in enumerate(lengths):
        heads += [bytes([4, 0, 0, 0, index, 0, 0, 0])] * length
    arena = Arena(40 * len(heads))
    for row, head in enumerate(heads):
        arena.view[row * 40 : row * 40 + 8] = head
    start, found = 0, []
    while start < len(heads):
        found.append(same_session(arena, start * 40, 40, len(heads) - start))
        start += found[-1]

    assert found == lengths
