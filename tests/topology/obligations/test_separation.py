"""Pairs are declared apart one by one, whatever groups they fall into."""

from __future__ import annotations

import random
from itertools import product

from meshc.prefixes import Prefix
from meshc.topology.language.spec import Expect, Service, TestSpec
from meshc.topology.obligations.claim import read_claims
from meshc.topology.obligations.separation import NO_SIDE, Separation, apart

NAMES = ("a", "b", "c", "d", "e")


def separation(*tests: TestSpec) -> Separation:
    addresses = {name: (Prefix(4, number, 32),) for number, name in enumerate(NAMES)}
    claims = read_claims(tests, addresses=addresses, pools=(Prefix(4, 0, 24),), routes=())
    return Separation.of(claims)


def is_apart(made: Separation, one: str, other: str) -> bool:
    known = made.signatures(4)
    return apart(known.get(one, NO_SIDE), known.get(other, NO_SIDE))


def test_random_declarations_against_every_pair_by_itself() -> None:
    for seed in range(200):
        rng = random.Random(seed)
        tests = [
            TestSpec(
                tuple(rng.sample(NAMES, rng.randint(0, 3))),
                tuple(rng.sample(NAMES, rng.randint(0, 3))),
                rng.choice((Expect.UNREACHABLE, Expect.UNREACHABLE, Expect.REACHABLE)),
            )
            for _ in range(rng.randint(0, 4))
        ]
        made = separation(*tests)
        declared = {
            (a, b)
            for test in tests
            if test.expect is Expect.UNREACHABLE
            for a, b in product(test.sources, test.targets)
            if a != b
        }
        assert set(made.pairs(4)) == declared
        for a, b in product(NAMES, repeat=2):
            if a != b:
                # an exchange needs both directions
                assert is_apart(made, a, b) == ((a, b) in declared or (b, a) in declared)


def test_a_lan_is_apart_from_those_that_say_so() -> None:
    made = separation(TestSpec(("a",), ("192.168.7.0/24",), Expect.UNREACHABLE))
    assert made.from_outside("a", Prefix.parse("192.168.7.5"))
    assert not made.from_outside("b", Prefix.parse("192.168.7.5"))
    assert not made.from_outside("a", Prefix.parse("192.168.8.5"))


def test_a_test_of_one_service_separates_nobody() -> None:
    """What the two may do otherwise is still owed to them."""
    ends = (("a",), ("b",))
    assert separation(TestSpec(*ends, Expect.UNREACHABLE, service=Service("udp"))).sides == ()
    assert is_apart(separation(TestSpec(*ends, Expect.UNREACHABLE)), "a", "b")
