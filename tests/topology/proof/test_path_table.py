"""All paths at once, against the paths one by one."""

from __future__ import annotations

import random

from meshc.topology.proof import prove
from meshc.topology.proof.proof import Proof
from tests.support.random_wire import random_wire, spoil
from tests.support.wire import main_example


def one_by_one(proof: Proof) -> dict[tuple[str, str], tuple[str, ...]]:
    found = {}
    for a in proof.names:
        for b in proof.names:
            if a != b:
                paths = [proof.path(a, b, family) or () for family in proof.families]
                found[a, b] = max(paths, key=len) if proof.reachable(a, b) else ()
    return found


def test_the_example_has_the_path_of_every_pair() -> None:
    wire = main_example()
    proof = prove(wire.files(), wire.expectation())
    assert proof.paths() == one_by_one(proof)
    assert any(len(path) > 2 for path in proof.paths().values())


def test_spoilt_networks_lose_the_same_pairs() -> None:
    lost = 0
    for seed in range(60):
        rng = random.Random(seed)
        wire = random_wire(rng)
        if seed % 2:
            spoil(wire, rng)
        proof = prove(wire.files(), wire.expectation())
        assert list(proof.paths().items()) == list(one_by_one(proof).items()), seed
        lost += sum(not path for path in proof.paths().values())
    assert lost > 100
