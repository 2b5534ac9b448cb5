"""The direct path of a pair of leaves: first a session, then both move, then it is watched.

    state     event                                     next      does
    APART     it is due, and a relay says that the      OPENING   opens its own NAT, then calls at
              other asks as well (`Meet`)                         one endpoint; who is second
                                                                  to call waits a bit
    OPENING   three probes in a row are answered        WARM      says so (UP)
    OPENING   no answer at any endpoint in time         APART     forgets the session; due later
    WARM      the other says UP; we have the lower      WARM      AGREE: in `wait` we both move
              number
    WARM      AGREE of the lower number                 WARM      AGREED, and waits for the moment
    WARM      the moment: AGREED was said               DIRECT    moves the prefixes, says MOVED
    WARM      MOVED, of one that we agreed with         DIRECT    the same
    WARM      no agreement in time, or probes die       APART     forgets the session; due later
    DIRECT    three probes are not answered             APART     moves back, forgets the session
    DIRECT    the answer to a probe sent after the      APART     the same; due soon
              move says that the other has not moved

So nobody moves before both have heard the other over the session; and where one side's move is
lost, the other hears of that, or nothing, and goes back.

A NAT router that lets strangers' packets in to itself remembers them, and then gives our mapping
another port. So no call may come before the mapping that it is for: at the moment of `Meet` both
send a packet that ends behind their own router (`OPENED` seconds ahead of the first call). Where
that has not opened the mapping, with another router in between, the attempt fails: it is not
repeated before every router has forgotten it (`CLEAN`), and then the packet goes one hop further
and the other side calls first, after that both at once. Each failure doubles that time, up to an
hour.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from meshc.agent.core.control_message import DirectProbe, Meet
from meshc.agent.core.effect import (
    CoolPeer,
    Effect,
    ExpectDirect,
    MoveBack,
    MoveDirect,
    OpenNat,
    SendControl,
    WarmPeer,
)
from meshc.agent.core.path_probe import INTERVAL, PathProbe
from meshc.values import dataclass, field
from meshc.wg.endpoint import Endpoint

UP, AGREE, AGREED, MOVED, ANSWER = 1, 2, 4, 8, 16
OFTEN = 0.4
"""Seconds between two probes until the prefixes have moved."""
OPENED = 0.25
"""Seconds that the slower of two packets needs from a relay to its leaf, more than the other."""
SECOND_CALL = 0.25
OWN_ROUTER = 2
"""Hops of a packet that its own router still passes on, and the next one does not."""
TURNS, AT_ONCE = 3, 2
OPEN_FOR, ONE_OF_MORE = 6.5, 2.0
"""Seconds for the last endpoint (WireGuard calls again after five) and for each before it."""
AGREE_WITHIN = 5.0
SOONEST, LATEST = 0.3, 1.0
"""Bounds of the time between a proposal and the move."""
LATE = 0.5
"""Seconds after the moment in which an agreement still counts: the other has moved by then."""
GRACE = 1.5
"""Seconds after a move in which the other may still say that it has not moved."""
CLEAN = 35.0
"""Linux forgets a UDP packet that nobody answered after 30 s."""
SOON = 5.0
LONGEST = 3600.0


class PairState(Enum):
    APART = "relayed"
    OPENING = "calling"
    WARM = "agreeing"
    DIRECT = "direct"


@dataclass(slots=True)
class DirectPath:
    """`first` says who calls first in even turns; the `leader` proposes the moment of the move."""

    peer: int
    leader: bool
    first: bool
    now: float
    state: PairState = PairState.APART
    since: float = 0.0
    why: str = "not tried yet"
    due: float = 0.0
    fails: int = 0
    turn: int = 0
    probe: PathProbe = field(default_factory=PathProbe)
    next_probe: float = 0.0
    sent: float = 0.0
    trip: float = 0.0
    heard: int = 0
    hears: bool = False
    ends: float = 0.0
    call: float | None = None
    at: tuple[Endpoint, ...] = ()
    moment: float | None = None
    agreed: bool = False
    moved_with: int = 0

    def __post_init__(self) -> None:
        self.since = self.due = self.next_probe = self.now

    @property
    def wanted(self) -> bool:
        """Whether it is time for another attempt."""
        return self.state is PairState.APART and self.now >= self.due

    @property
    def wakes(self) -> float:
        """When `tick` is wanted."""
        if self.state is PairState.APART:
            return self.due if self.due > self.now else self.now + INTERVAL
        late = 0.0 if self.agreed else LATE
        moment = None if self.moment is None else self.moment + late
        return min(one for one in (self.call, moment, self.next_probe) if one is not None)

    def meet(self, said: Meet, now: float) -> Iterator[Effect]:
        """A relay says that both want it, and where the other is."""
        self.now = now
        if not self.wanted or not said.at:
            return
        self._enter(PairState.OPENING, "called at " + ", ".join(map(str, said.at)))
        self.turn = said.turn + 1
        self.probe = PathProbe(since=now)
        self.at, self.hears, self.moment, self.agreed = said.at, False, None, False
        begins = said.turn % TURNS == AT_ONCE or self.first == (said.turn % TURNS == 0)
        yield OpenNat(said.at[-1], OWN_ROUTER + said.turn % TURNS)
        self._aim(now + OPENED if begins else now + OPENED + SECOND_CALL)

    def tick(self, now: float) -> Iterator[Effect]:
        """What is due at this moment."""
        self.now = now
        if self.state is PairState.APART:
            return
        if self.call is not None and now >= self.call:
            self.call = None
            yield WarmPeer(self.peer, self.at[0])
        if self.call is None and now >= self.next_probe:
            yield self._probe()
        if self.state is PairState.OPENING and now >= self.ends:
            yield from self._next_endpoint()
        elif self.state is PairState.WARM:
            yield from self._agree()
        if self.state in {PairState.WARM, PairState.DIRECT} and not self.probe.carries:
            soon = self.state is PairState.DIRECT and now - self.since > 2 * CLEAN
            yield from self.part("it does not answer", CLEAN if not soon else SOON)

    def receive(self, said: DirectProbe, now: float) -> Iterator[Effect]:
        """What the other says over the direct session."""
        self.now = now
        self.heard = said.counter
        fresh = False
        if said.flags & ANSWER:
            fresh = self.probe.answered(said.heard, now)
            if fresh:
                self.trip = now - self.sent
        if self.state in {PairState.OPENING, PairState.WARM}:
            yield from self._heard(said.flags, said.wait)
        elif self.state is PairState.DIRECT and fresh and self._alone(said):
            yield from self.part("the other side has not moved", SOON)
        if not said.flags & ANSWER:
            yield self._say(ANSWER)

    def refused(self, now: float) -> None:
        """No agent listens there: packets pass, and nothing can be agreed."""
        self.now = now
        self.probe.refused(now)

    def found_direct(self) -> None:
        """It was moved before this start of the agent."""
        self._enter(PairState.DIRECT, "as it was found")

    def part(self, why: str, pause: float) -> Iterator[Effect]:
        """Back to the relays, if it had moved; `pause` is doubled with every failure."""
        if self.state is PairState.DIRECT:
            if self.now - self.since > 2 * CLEAN:
                self.fails = 0
            yield MoveBack(self.peer, why)
        if self.state is not PairState.APART:
            yield CoolPeer(self.peer)
        self._enter(PairState.APART, why)
        self.due = self.now + min(pause * 2**self.fails, LONGEST)
        self.fails = min(self.fails + 1, 12)
        self.moment, self.call, self.agreed, self.hears = None, None, False, False

    def _alone(self, said: DirectProbe) -> bool:
        """Whether the answer to a probe sent after our move says that the other has not moved."""
        late = said.heard > self.moved_with and self.now - self.since > GRACE
        return late and not said.flags & MOVED

    def _enter(self, state: PairState, why: str) -> None:
        self.state, self.since, self.why = state, self.now, why

    def _aim(self, call: float) -> None:
        self.call = self.next_probe = call
        self.ends = call + (OPEN_FOR if len(self.at) == 1 else ONE_OF_MORE)

    def _next_endpoint(self) -> Iterator[Effect]:
        self.at = self.at[1:]
        if not self.at:
            yield from self.part("the NATs between do not let them meet", CLEAN)
            return
        yield CoolPeer(self.peer)
        self._aim(self.now)

    def _probe(self) -> Effect:
        self.next_probe = self.now + (INTERVAL if self.state is PairState.DIRECT else OFTEN)
        self.probe.next(self.now)
        self.sent = self.now
        return self._say(0)

    def _say(self, flags: int) -> Effect:
        wait = 0
        if self.probe.live:
            flags |= UP
        if self.state is PairState.DIRECT:
            flags |= MOVED
        elif self.moment is not None:
            wait = round(1000 * max(0.0, self.moment - self.now))
            flags |= AGREE if self.leader else AGREED
        return SendControl(self.peer, DirectProbe(self.probe.counter, self.heard, flags, wait))

    def _heard(self, flags: int, wait: int) -> Iterator[Effect]:
        self.hears = bool(flags & UP)
        if not (self.probe.live and self.hears):
            return
        if self.state is PairState.OPENING:
            self._enter(PairState.WARM, "both hear each other")
            self.ends = self.now + AGREE_WITHIN
        if flags & MOVED:
            yield from self._move()
        elif self.leader and self.moment is not None:
            self.agreed = self.agreed or bool(flags & AGREED)
            yield from self._agree()
        elif flags & AGREE and not self.leader and self.moment is None:
            self.moment = self.now + min(wait / 1000, LATEST) - self.trip / 2
            self.agreed = True
            yield ExpectDirect(self.peer)
            yield self._say(ANSWER)

    def _agree(self) -> Iterator[Effect]:
        if self.moment is not None and self.now >= self.moment:
            if self.agreed:
                yield from self._move()
                return
            if self.now < self.moment + LATE:
                return
            self.moment = None
        if self.now >= self.ends:
            yield from self.part("no agreement in time", CLEAN)
        elif self.leader and self.moment is None and self.hears:
            self.moment = self.now + min(LATEST, max(SOONEST, 3 * self.trip))
            self.agreed = False
            yield ExpectDirect(self.peer)
            yield self._say(0)

    def _move(self) -> Iterator[Effect]:
        self._enter(PairState.DIRECT, "both agreed")
        self.moment, self.agreed = None, False
        self.moved_with = self.probe.counter
        yield MoveDirect(self.peer)
        yield self._probe()
