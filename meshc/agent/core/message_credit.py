"""Credit for messages: a bucket for each sender, so that a flood of one costs others nothing."""

from __future__ import annotations

from meshc.values import dataclass, field

A_SECOND, AT_ONCE = 20.0, 40.0
"""Messages of one node that are listened to."""


@dataclass(slots=True)
class MessageCredit:
    """`levels` are what each sender has left, and since when."""

    levels: dict[int, tuple[float, float]] = field(default_factory=dict)

    def take(self, sender: int, now: float) -> bool:
        """Whether a message of the sender is listened to."""
        level, then = self.levels.get(sender, (AT_ONCE, now))
        level = min(AT_ONCE, level + (now - then) * A_SECOND)
        heard = level >= 1.0
        self.levels[sender] = (level - heard, now)
        return heard
