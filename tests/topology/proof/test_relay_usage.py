"""The examples of a relay's pairs are the first ones, in whatever order they come."""

from __future__ import annotations

import random
from functools import partial

from meshc.topology.proof.relay_usage import EXAMPLES, Examples


def test_the_first_places_stay() -> None:
    places = [*range(40)]
    for seed in range(20):
        random.Random(seed).shuffle(places)
        examples = Examples()
        assert not examples.full
        for place in places:
            examples.note(place, partial(lambda n: (n, -n), place))
        assert examples.full
        assert examples == [(n, -n) for n in range(EXAMPLES)]


def test_what_is_not_kept_is_not_looked_up() -> None:
    examples = Examples()
    for place in range(EXAMPLES):
        examples.note(place, lambda: (0, 1))
    examples.note(EXAMPLES, lambda: 1 // 0)  # type: ignore[arg-type, return-value]
    assert examples == [(0, 1)] * EXAMPLES
