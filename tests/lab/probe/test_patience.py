"""How often to ask, held against what the lines do: a die thrown for every crossing."""

from __future__ import annotations

import random

import pytest

from meshc.lab.probe.patience import LONGEST, LUCK, PATIENCE, Patience


def test_good_lines_need_no_more_than_they_did() -> None:
    plain = Patience()
    assert (plain.tries, plain.session, plain.greeting) == (1, PATIENCE, 40.0)
    assert plain.echo(3.0, 0.4) == 3.0
    assert plain.interval(0.6) == 0.6


@pytest.mark.parametrize(("loss", "hops"), [(0.05, 1), (0.05, 3), (0.2, 2)])
def test_all_tries_fail_with_a_chance_of_a_billionth(loss: float, hops: int) -> None:
    """The chance that one try fails is held against thrown dice, the power of it is arithmetic."""
    rng = random.Random(7)
    throws = 40_000
    thrown = sum(any(rng.random() < loss for _ in range(4 * hops)) for _ in range(throws)) / throws
    lost = 1 - (1 - loss) ** (4 * hops)
    assert thrown == pytest.approx(lost, abs=0.01)
    tries = Patience(loss, 0.0, hops).tries
    assert lost**tries <= LUCK < lost ** (tries - 1), "enough, and no more"


def test_slow_lines_are_waited_for() -> None:
    """300 ms each way at both ends: a packet over a relay is back after 2.4 s."""
    slow = Patience(0.0, 0.3, 2)
    assert slow.round_trip == pytest.approx(2.4)
    assert slow.echo(3.0, 0.4) == pytest.approx(5.4)
    assert slow.interval(0.6) == pytest.approx(2.4), "the last question is waited out as well"


def test_a_handshake_that_is_lost_again_and_again_is_waited_for() -> None:
    """At 5 % in each direction at both ends, one of five is lost; it is repeated every 5 s."""
    lossy = Patience(0.05, 0.0, 1)
    assert 17 + 12 * 5 < lossy.session < 17 + 14 * 5.5
    assert lossy.greeting > Patience().greeting
    assert Patience(0.9, 0.0, 3).session == LONGEST
