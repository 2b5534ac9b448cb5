"""The replay window of transport data (whitepaper 5.4.6, RFC 6479).

The window is one integer: bit `i` stands for counter `greatest - i`. A run of consecutive
counters above the greatest, which is what arrives nearly always, is one shift.
"""

from __future__ import annotations

from meshc.engine.proto.constants import REJECT_AFTER_MESSAGES, REPLAY_WINDOW

_MASK = (1 << REPLAY_WINDOW) - 1


class ReplayWindow:
    """Which counters were seen; call only with counters of *authenticated* messages."""

    __slots__ = ("_bits", "_next")

    def __init__(self) -> None:
        self._next = 0  # one more than the greatest counter seen
        self._bits = 0  # bit i: counter `_next - 1 - i` was seen

    def accept(self, counter: int) -> bool:
        """True once for each counter that is inside the window or ahead of it."""
        if counter >= REJECT_AFTER_MESSAGES:
            return False
        ahead = counter - self._next
        if ahead >= 0:
            self._bits = (self._bits << (ahead + 1) | 1) & _MASK if ahead < REPLAY_WINDOW else 1
            self._next = counter + 1
            return True
        if ahead < -REPLAY_WINDOW:
            return False
        bit = 1 << (-ahead - 1)
        if self._bits & bit:
            return False
        self._bits |= bit
        return True

    def accept_run(self, first: int, count: int) -> bool:
        """`accept` for `first .. first + count - 1` in one step.

        True when all of them are new and ahead of the window; False means that nothing was
        done and that the caller must ask for each one by itself.
        """
        ahead = first - self._next
        if ahead < 0 or first + count > REJECT_AFTER_MESSAGES:
            return False
        run = (1 << count) - 1
        shift = ahead + count
        self._bits = (self._bits << shift | run) & _MASK if shift < REPLAY_WINDOW else run & _MASK
        self._next = first + count
        return True
