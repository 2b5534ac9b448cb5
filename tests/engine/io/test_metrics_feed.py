from __future__ import annotations

import threading

import pytest

from meshc.engine.io import metrics_feed
from meshc.engine.io.metrics_feed import PAGE, Figures
from meshc.engine.proto.device_status import DeviceStatus, PeerCounters


def figures(number: int, first: int) -> Figures:
    peers = tuple(
        PeerCounters(n.to_bytes(32, "big"), 1 << 40, n, -1, 7)
        for n in range(first, min(number, first + PAGE))
    )
    return Figures("wg0", DeviceStatus(peers, number, False, {"no_peer": 2}), {"udp_send": 1})


@pytest.mark.parametrize("number", [0, 1, PAGE - 1, PAGE, PAGE + 1, 3000])
def test_all_peers_arrive_a_page_at_a_time(number: int) -> None:
    ours, theirs = metrics_feed.pair()
    ours.setblocking(True)
    sizes: list[int] = []

    def asked(first: int) -> Figures:
        page = figures(number, first)
        sizes.append(len(page.status.peers))
        return page

    def engine() -> None:
        while metrics_feed.answer(ours, asked):
            pass

    thread = threading.Thread(target=engine)
    thread.start()
    found = [metrics_feed.ask(theirs) for _ in range(2)]
    theirs.close()
    thread.join(5)
    ours.close()

    whole = figures(number, 0)
    whole = whole._replace(
        status=whole.status._replace(
            peers=tuple(p for n in range(0, number, PAGE) for p in figures(number, n).status.peers)
        )
    )
    assert found == [whole, whole]
    assert max(sizes) <= PAGE


def test_an_answer_that_came_too_late_is_not_taken_for_another() -> None:
    ours, theirs = metrics_feed.pair()
    theirs.settimeout(0.05)
    with pytest.raises(TimeoutError):
        metrics_feed.ask(theirs)
    assert metrics_feed.answer(ours, lambda first: figures(5, first))
    theirs.settimeout(30)
    ours.setblocking(True)
    thread = threading.Thread(
        target=metrics_feed.answer, args=(ours, lambda first: figures(3, first))
    )
    thread.start()

    assert metrics_feed.ask(theirs).status.total == 3
    thread.join(5)
    ours.close()
    theirs.close()


def test_the_end_of_either_is_told_to_the_other() -> None:
    ours, theirs = metrics_feed.pair()
    assert metrics_feed.answer(ours, lambda first: figures(0, first)), "no question is no end"
    theirs.close()
    assert not metrics_feed.answer(ours, lambda first: figures(0, first))
    ours.close()

    ours, theirs = metrics_feed.pair()
    ours.close()
    with pytest.raises((EOFError, OSError)):
        metrics_feed.ask(theirs)
    theirs.close()
