"""The probing of one path: whether who is at its end answers.

    state     answer        refusal       probe unanswered
    UNKNOWN   LIVE          MUTE          DEAD at the third in a row
    LIVE      LIVE          MUTE          DEAD at the third in a row
    MUTE      LIVE          MUTE          DEAD at the third in a row
    DEAD      LIVE at the   MUTE          DEAD
              third in a row

A refusal is the word of the other side's kernel that no agent listens there: packets pass, and
nothing can be agreed with it. Three answers before a dead path counts again keep a path that loses
most of what is sent from being taken up between two losses.
"""

from __future__ import annotations

from enum import Enum

from meshc.values import dataclass

INTERVAL = 1.0
"""Seconds between two probes."""
MISSES = 3
ANSWERS = 3


class PathState(Enum):
    UNKNOWN = "unknown"
    LIVE = "live"
    MUTE = "mute"
    DEAD = "dead"


@dataclass(slots=True)
class PathProbe:
    """`since` is when the state was entered; `counter` is the number of the last probe."""

    counter: int = 0
    state: PathState = PathState.UNKNOWN
    since: float = 0.0
    waiting: bool = False
    misses: int = 0
    answers: int = 0

    @property
    def carries(self) -> bool:
        """Whether packets pass, as far as is known."""
        return self.state is not PathState.DEAD

    @property
    def live(self) -> bool:
        return self.state is PathState.LIVE

    def next(self, now: float) -> int:
        """The number of the next probe; counts the one before that is still unanswered."""
        if self.waiting:
            self.misses += 1
            self.answers = 0
            if self.misses >= MISSES:
                self._enter(PathState.DEAD, now)
        self.waiting = True
        self.counter = (self.counter + 1) & 0xFFFFFFFF
        return self.counter

    def answered(self, counter: int, now: float) -> bool:
        """Whether it answers the last probe: what is older or repeated says nothing of now."""
        if not self.waiting or counter != self.counter:
            return False
        self.waiting = False
        self.misses = 0
        self.answers += 1
        if self.state is not PathState.DEAD or self.answers >= ANSWERS:
            self._enter(PathState.LIVE, now)
        return True

    def refused(self, now: float) -> None:
        """No agent listens at the other side."""
        self.waiting = False
        self.misses = 0
        self.answers = 0
        self._enter(PathState.MUTE, now)

    def _enter(self, state: PathState, now: float) -> None:
        if state is not self.state:
            self.state, self.since = state, now
