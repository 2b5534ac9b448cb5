"""A flood of one sender costs the others nothing."""

from __future__ import annotations

from meshc.agent.core.message_credit import A_SECOND, AT_ONCE, MessageCredit


def test_a_flood_is_cut_off_and_the_others_are_heard() -> None:
    credit = MessageCredit()
    heard = sum(credit.take(1, 0.0) for _ in range(10_000))
    assert heard == AT_ONCE
    assert credit.take(2, 0.0)
    heard = sum(credit.take(1, second / 100) for second in range(1000))
    assert abs(heard - 10 * A_SECOND) <= 1
