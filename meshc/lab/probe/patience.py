"""Patience: how long and how often a lab asks on lines that lose and delay, before silence is no.

A pair that works may lose every single try by bad luck. How often to ask follows from the loss of
the lines, so that luck is not taken for a fault: `LUCK` is the chance of that for one question.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from meshc.lab.world.places import LabWorld

LUCK = 1e-9
# A lost handshake message is sent again after 5 s (whitepaper 6.1, REKEY_TIMEOUT), with up to
# a third of a second of jitter; two in a row may be lost while both ends come up.
PATIENCE = 17.0
REKEY_TIMEOUT = 5.4
# Seconds: a machine that is slow greets late.
GREETING = 40.0
# Within so many seconds TCP sends a SYN at 0, 1, 3, 7 and 15 (RFC 6298), and a greeting alike.
ATTEMPT, SYNS, GREETINGS = 20.0, 5, 3
# No silence is waited out for longer: where that is not enough, nothing can be measured.
LONGEST = 600.0


class Patience(NamedTuple):
    """`loss` is the share of packets that the worst uplink loses in each direction, `delay` the
    seconds that the slowest adds, `hops` how many tunnels the longest path has."""

    loss: float = 0.0
    delay: float = 0.0
    hops: int = 1

    @classmethod
    def of(cls, world: LabWorld, hops: int) -> Patience:
        shapes = [cable.shape for cable in world.cables]
        loss = max((shape.loss for shape in shapes), default=0.0) / 100
        delay = max((shape.delay + shape.jitter for shape in shapes), default=0.0) / 1000
        return cls(min(loss, 0.99), delay, max(1, hops))

    @property
    def round_trip(self) -> float:
        """Seconds that the lines themselves need: a tunnel crosses two uplinks, twice."""
        return 4 * self.hops * self.delay

    @property
    def tries(self) -> int:
        """How many questions until one is answered, but for luck."""
        return _tries(self._lost(4 * self.hops))

    def echo(self, seconds: float, interval: float) -> float:
        """How long an echo is waited for that is asked for every `interval`; `seconds` suffice
        on good lines."""
        return min(LONGEST, max(seconds, self.tries * interval) + self.round_trip)

    def interval(self, seconds: float) -> float:
        """Between questions of which the last must be waited out as long as any."""
        return max(seconds, self.round_trip)

    @property
    def session(self) -> float:
        """How long until every handshake on a path has got through, one after the other."""
        more = (_tries(self._lost(4)) - 1) * REKEY_TIMEOUT * self.hops
        return self.echo(PATIENCE + more, 0.4)

    @property
    def greeting(self) -> float:
        """How long until a TCP connection has said a line."""
        lost = self._lost(4 * self.hops)
        attempts = _tries(min(1.0, lost**SYNS + lost**GREETINGS)) if lost else 0
        return min(LONGEST, GREETING + ATTEMPT * attempts + 2 * self.round_trip)

    def _lost(self, crossings: int) -> float:
        """The chance that a packet does not survive so many uplinks."""
        return 1 - (1 - self.loss) ** crossings


def _tries(lost: float) -> int:
    """So many tries all fail with a chance of `LUCK` only."""
    if lost <= 0.0:
        return 1
    if lost >= 1.0:
        return int(LONGEST)
    return math.ceil(math.log(LUCK) / math.log(lost))
