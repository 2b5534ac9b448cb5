"""The leaf's agent: it lives with one relay, its home, and moves when that does not answer.

Every second it probes all of its relays, and says in the probe where it lives and since which of
its moves; nobody but the leaf counts its moves. A move has two steps:

    state     event                                    next      does
    SETTLED   home dead or draining, another is live   ASKING    Move(seq + 1) to the first live one
    SETTLED   an earlier one in its order was quiet    ASKING    the same, to that one
              for the quiet time
    SETTLED   home and another live relay do not       ASKING    the same, to the one that hears
              hear each other for three answers                  more, else the first of the network
    SETTLED   a relay knows of a later move, or of     ASKING    Move(known + 1) to its home: what
              another home since this one                        was said before a restart is over
    ASKING    Taken(accepted)                          SETTLED   moves its prefixes, probes all
    ASKING    Taken(refused), or silence for 3 s       SETTLED   decides anew; the next move has a
              while another is live                              number above every one said so far

The prefixes move after the relay has agreed, never before: it has placed the leaf by then, and
the packets of both directions meet. A move that was asked for is never dropped in silence, since
the relay may have agreed unheard: it ends by its answer, or by a later number.

Beside its home it has direct paths with other leaves (`direct_path`), which no home concerns.
"""

from __future__ import annotations

from meshc.agent.core.control_message import (
    Answer,
    DirectProbe,
    Meet,
    Message,
    Move,
    Probe,
    Taken,
)
from meshc.agent.core.direct_paths import DirectPaths
from meshc.agent.core.effect import Effect, MoveHome, SendControl
from meshc.agent.core.path_probe import INTERVAL, MISSES, PathProbe, PathState
from meshc.agent.core.quiet_time import QuietTime
from meshc.agent.core.roster import Roster
from meshc.values import dataclass, field

RETRY = 0.25
"""Seconds between two requests of one move."""
PATIENCE = 3.0
"""Seconds after which another relay is asked, if one is live."""
LAST_SEQ = 0xFFFFFFFF


@dataclass(slots=True)
class MoveRequest:
    """A move that was asked for and is not answered yet."""

    relay: int
    seq: int
    since: float
    why: str


@dataclass(slots=True)
class LeafAgent:
    """`home` is where the prefixes are. `now` is a clock that only ever goes on; `highest` is a
    number above those of moves before this start, as well as anybody knows: seconds of unix time,
    of which there are more than moves. Where that clock was set back the relays know better."""

    roster: Roster
    home: int
    now: float
    seq: int = 0
    claim: MoveRequest | None = None
    highest: int = 0
    doubted: bool = False
    quiet: QuietTime = field(default_factory=QuietTime)
    probes: dict[int, PathProbe] = field(default_factory=dict)
    heard: dict[int, Answer] = field(default_factory=dict)
    splits: int = 0
    moved: float = 0.0
    next_probe: float = 0.0
    direct: DirectPaths = field(default_factory=DirectPaths)
    next_ask: float = 0.0
    began: float = 0.0
    first: int = 0

    def __post_init__(self) -> None:
        self.began, self.first = self.now, self.highest
        self.probes = {relay: PathProbe(since=self.now) for relay in self.roster.order}
        self.next_probe = self.now

    @property
    def wakes(self) -> float:
        """When `tick` is wanted."""
        due = self.next_probe
        if self.direct.paths:
            due = min(due, self.direct.wakes(self.now))
        return due if self.claim is None else min(due, self.now + RETRY)

    def tick(self, now: float) -> tuple[Effect, ...]:
        """What is due at this moment."""
        self.now = max(now, self.now)
        effects: list[Effect] = []
        if self.now >= self.next_probe:
            self.next_probe = self.now + INTERVAL
            effects += self._probe()
        self._decide()
        if self.claim is not None:
            effects.append(SendControl(self.claim.relay, Move(self.claim.seq)))
        if self.direct.paths:
            live = (relay for relay, probe in self.probes.items() if probe.live)
            effects += self.direct.tick(live, self.now)
        return tuple(effects)

    def receive(self, sender: int, message: Message, now: float) -> tuple[Effect, ...]:
        """What a relay says, or a leaf over the direct path with it. Nobody else is listened to."""
        self.now = max(now, self.now)
        if isinstance(message, DirectProbe):
            return tuple(self.direct.receive(sender, message, self.now))
        if sender not in self.probes:
            return ()
        if isinstance(message, Meet):
            return tuple(self.direct.meet(sender, message, self.now))
        if isinstance(message, Answer):
            if self.probes[sender].answered(message.counter, self.now):
                self._heard(sender, message)
        elif isinstance(message, Taken):
            return self._taken(sender, message)
        return ()

    def refused(self, relay: int, now: float) -> None:
        """No agent listens there."""
        self.now = max(now, self.now)
        if relay in self.probes:
            self.probes[relay].refused(self.now)
            self.heard.pop(relay, None)
        else:
            self.direct.refused(relay, self.now)

    def _probe(self) -> list[Effect]:
        found: list[Effect] = []
        for relay, probe in self.probes.items():
            found.append(SendControl(relay, Probe(probe.next(self.now), self.seq, self.home)))
            if not probe.live:
                self.heard.pop(relay, None)
        return found

    def _say(self) -> list[Effect]:
        """Where it lives now, to all relays, without waiting for the next probe."""
        return [
            SendControl(relay, Probe(probe.counter, self.seq, self.home))
            for relay, probe in self.probes.items()
        ]

    def _heard(self, relay: int, answer: Answer) -> None:
        self.heard[relay] = answer
        self.highest = max(self.highest, answer.seq)
        if relay == self.home:
            self.splits = self.splits + 1 if self._apart(relay) else 0
        if answer.seq < self.seq or self.claim is not None:
            return
        if answer.home == self.home:
            self.seq = answer.seq
        else:
            # of a move before a restart of ours, or of one that we gave up
            self.doubted = True

    def _taken(self, sender: int, answer: Taken) -> tuple[Effect, ...]:
        claim = self.claim
        self.highest = max(self.highest, answer.known)
        if claim is None or sender != claim.relay or answer.asked != claim.seq:
            return ()
        self.claim = None
        if not answer.accepted:
            self.doubted = True  # what was asked for before may have been agreed to elsewhere
            return ()
        self.seq, self.doubted, self.splits = claim.seq, False, 0
        first = self.roster.order[0]
        if claim.relay != self.home:
            if claim.relay == first:
                self.quiet.came_back(self.now)
            elif self.home == first:
                self.quiet.left(self.now)
            self.moved = self.now
        self.home = claim.relay
        return (MoveHome(claim.relay, claim.why), *self._say())

    def _decide(self) -> None:
        claim = self.claim
        if claim is not None:
            alive = self.probes[claim.relay].carries and self.now - claim.since < PATIENCE
            if alive or self._first_live(but=claim.relay) is None:
                return
            self.claim, self.doubted = None, True
        wanted, why = self._wanted()
        if wanted != self.home or self.doubted:
            self._ask(wanted, why)

    def _ask(self, relay: int, why: str) -> None:
        # one that was killed a moment after a move has not heard of its number perhaps: by the time
        # that it moves again, the clock is past it
        self.highest = max(self.highest, self.seq, self.first + int(self.now - self.began))
        if self.highest >= LAST_SEQ or not self.probes[relay].live or self.now < self.next_ask:
            return
        self.next_ask = self.now + INTERVAL  # no more numbers than seconds
        self.highest += 1
        self.claim = MoveRequest(relay, self.highest, self.now, why)

    def _wanted(self) -> tuple[int, str]:
        """Where to live, and why."""
        home = self.probes[self.home]
        state = home.state
        if state is PathState.DEAD or self._draining(self.home):
            other = self._first_live(but=self.home)
            why = "it does not answer" if state is PathState.DEAD else "it is draining"
            return (self.home, "no other relay answers") if other is None else (other, why)
        if self.splits >= MISSES:
            best = max(self._candidates(), key=self._standing, default=self.home)
            if best != self.home:
                return best, "the relays do not hear each other"
        for relay in self.roster.order[: self.roster.order.index(self.home)]:
            since = max(self.probes[relay].since, self.moved)
            calm = self.now - since >= self.quiet.seconds
            if calm and relay in self._candidates() and not self._split(relay, self.home):
                return relay, "it has answered for the quiet time"
        return self.home, "it answers"

    def _candidates(self) -> list[int]:
        live = (relay for relay in self.roster.order if self.probes[relay].live)
        return [relay for relay in live if not self._draining(relay)]

    def _first_live(self, but: int) -> int | None:
        return next((relay for relay in self._candidates() if relay != but), None)

    def _draining(self, relay: int) -> bool:
        answer = self.heard.get(relay)
        return answer is not None and answer.draining

    def _apart(self, home: int) -> bool:
        return any(self._split(home, other) for other in self._candidates() if other != home)

    def _split(self, one: int, other: int) -> bool:
        """Whether two relays that answer us do not hear each other."""
        first, second = self.heard.get(one), self.heard.get(other)
        if first is None or second is None:
            return False
        return other not in first.hears or one not in second.hears

    def _standing(self, relay: int) -> tuple[int, int]:
        """The relay that hears most comes first, then the first in the order of the network."""
        answer = self.heard.get(relay)
        hears = len(answer.hears) if answer is not None else 0
        return hears, -self.roster.relays.index(relay)
