"""The arrays say of every pair what its signatures say."""

from __future__ import annotations

import random

import numpy as np

from meshc.topology.language.spec import Expect, TestSpec
from meshc.topology.obligations.claim import read_claims
from meshc.topology.obligations.obligations import Obligations, obligations
from meshc.topology.obligations.separation import NO_SIDE, Separation, apart
from meshc.topology.proof.separation_table import separation_table
from tests.support.policy_networks import policy_network

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
        owed = Obligations(separation=made)
        table, known = separation_table(NAMES, owed, 4), made.signatures(4)
        for a, one in enumerate(NAMES):
            for b, other in enumerate(NAMES):
                pair = np.array([a], np.int32), np.array([b], np.int32)
                wanted = apart(known.get(one, NO_SIDE), known.get(other, NO_SIDE))
                assert bool(table.apart(*pair)[0]) == wanted


def test_policies_keep_apart_and_keep_quiet() -> None:
    network = policy_network("""
meshc: 1
network: {name: n, addresses: 10.44.0.0/24}
nodes: {hub: {role: relay, endpoint: 198.51.100.1}, a: {}, b: {}, c: {}}
policies: [{from: a, to: b, allow: tcp/22}]
""")
    made = obligations(network.spec, network.analysis.allocation.addresses)
    table = separation_table(("a", "b", "c"), made, 4)

    def pair(one: int, other: int) -> tuple[bool, bool]:
        ends = np.array([one], np.int32), np.array([other], np.int32)
        return bool(table.apart(*ends)[0]), bool(table.quiet(*ends)[0])

    # what a may begin needs the way back, although b may begin nothing
    assert (pair(0, 1), pair(1, 0), pair(0, 2)) == ((False, False), (False, True), (True, True))
