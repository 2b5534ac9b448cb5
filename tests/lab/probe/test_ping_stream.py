"""How long a target was away is read from what was lost."""

from __future__ import annotations

import pytest

from meshc.lab.probe.ping_stream import Outage, WatchPings, outage
from tests.support.netns import needs_root


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ("", Outage()),
        ("ooooo", Outage(5)),
        ("ooxoo", Outage(5, 1, 0.1)),
        ("oxxoxo", Outage(6, 3, 0.4)),
        ("ooxxx", Outage(5, 3, 0.3, True)),
        ("xxx", Outage(3, 3, 0.3, True)),
    ],
)
def test_from_the_first_that_was_lost_to_the_last(answers: str, found: Outage) -> None:
    requests = [(place / 10, answer == "o") for place, answer in enumerate(answers)]
    assert outage(requests, 0.1) == found


@pytest.mark.root
@needs_root[1]
def test_who_is_there_answers_and_who_is_not_does_not() -> None:
    here, nobody = WatchPings(("127.0.0.1", "192.0.2.77"), seconds=0.5).run()
    assert here.sent >= 3
    assert here.lost == 0
    assert nobody.lost == nobody.sent >= 3
    assert nobody.still
