"""The quiet time: how long a relay must have answered before its leaves come back to it.

Sixty seconds, doubled whenever it is left again soon after a return, up to an hour; one return
that lasts for twice the quiet time makes it sixty seconds again. So n flaps of a relay cost a leaf
at most 2 + 2 * log2(n) moves in the first hour, and two an hour from then on.
"""

from __future__ import annotations

from meshc.values import dataclass

SHORTEST = 60.0
LONGEST = 3600.0


@dataclass(slots=True)
class QuietTime:
    """`returned` is when the leaf last came back, None before that."""

    seconds: float = SHORTEST
    returned: float | None = None

    def left(self, now: float) -> None:
        """The leaf had to go elsewhere."""
        if self.returned is None:
            return
        if now - self.returned < 2 * self.seconds:
            self.seconds = min(2 * self.seconds, LONGEST)
        else:
            self.seconds = SHORTEST
        self.returned = None

    def came_back(self, now: float) -> None:
        """The leaf is where it was compiled to be."""
        self.returned = now
