"""The arrays say of every pair what its signatures say."""

from __future__ import annotations

import random

import numpy as np

from meshc.topology.language.spec import Expect, TestSpec
from meshc.topology.obligations.claim import read_claims
from meshc.topology.obligations.separation import NO_SIDE, Separation, apart
from meshc.topology.proof.separation_table import separation_table

NAMES = tuple("abcdefgh")


def test_random_declarations() -> None:
    for seed in range(100):
        rng = random.Random(seed)
        tests = [
            TestSpec(
                tuple(rng.sample(NAMES, rng.randint(1, 3))),
                tuple(rng.sample(NAMES, rng.randint(1, 3))),
                Expect.UNREACHABLE,
            )
            for _ in range(rng.randint(0, 4))
        ]
        addresses = {name: () for name in NAMES}
        made = Separation.of(read_claims(tests, addresses=addresses, pools=(), routes=()))
        table, known = separation_table(NAMES, made, 4), made.signatures(4)
        for a, one in enumerate(NAMES):
            for b, other in enumerate(NAMES):
                pair = np.array([a], np.int32), np.array([b], np.int32)
                wanted = apart(known.get(one, NO_SIDE), known.get(other, NO_SIDE))
                assert bool(table.apart(*pair)[0]) == wanted
