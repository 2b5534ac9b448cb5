"""The relay's agent: it knows which leaf lives where, and places the leaves accordingly.

Of each leaf there is one record: the relay that it lives with, and the number of the move that
brought it there. A record changes only when something with a higher number says so, and only

    the leaf itself   Move       it lives with us, if we take it
    the leaf itself   Probe      it lives where it says
    another relay     Homes      it lives with the relay that says so, never with a third

may say it. What is said twice, late or in another order changes nothing. A leaf that lives here is
reached directly, any other through the relay that it lives with. Records of the leaves here are
told to every other relay, batch by batch, each again until it says that it has it; whoever starts
anew (the `seq` of a relay's probe) or answers again after a silence is told all of them.

A leaf without an agent says nothing: it lives with the relay that its last handshake was with,
which counts its moves; of two equal numbers that of the first relay holds.

Two leaves that both ask for a direct path with each other are introduced, at one moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from meshc.agent.core.control_message import (
    MOST_RECORDS,
    Answer,
    Ask,
    Got,
    Homes,
    Message,
    Move,
    Probe,
    Taken,
)
from meshc.agent.core.effect import Effect, Introduce, PlaceLeaf, SendControl
from meshc.agent.core.message_credit import MessageCredit
from meshc.agent.core.path_probe import INTERVAL, PathProbe
from meshc.agent.core.roster import Roster
from meshc.values import dataclass, field

RETRY = 0.25
"""Seconds between two tellings of a batch."""
WISHED = 12.0
"""Seconds for which a wish is remembered; it is said again every ten."""


class HomeRecord(NamedTuple):
    """Where a leaf lives, and since which of its moves."""

    relay: int
    seq: int = 0


@dataclass(slots=True)
class Listener:
    """Another relay: what it is still to be told, and the batch on its way."""

    probe: PathProbe
    untold: set[int] = field(default_factory=set)
    batch: int = 0
    sent: tuple[tuple[int, int], ...] = ()
    again: float = 0.0
    started: int | None = None


@dataclass(slots=True)
class RelayAgent:
    """`start` tells this start from others: a random number. `placed` are the records that the
    tables of the relay show already, by those that differ from the compiled ones."""

    roster: Roster
    now: float
    start: int
    draining: bool = False
    records: dict[int, HomeRecord] = field(default_factory=dict)
    others: dict[int, Listener] = field(default_factory=dict)
    credit: MessageCredit = field(default_factory=MessageCredit)
    wishes: dict[int, tuple[float, Ask]] = field(default_factory=dict)
    next_probe: float = 0.0

    def __post_init__(self) -> None:
        for leaf, home in self.roster.leaves.items():
            self.records.setdefault(leaf, HomeRecord(home))
        for relay in self.roster.relays:
            if relay != self.roster.me:
                self.others[relay] = Listener(PathProbe(since=self.now), set(self._here()))
        self.next_probe = self.now

    @property
    def wakes(self) -> float:
        """When `tick` is wanted."""
        again = [one.again for one in self.others.values() if one.untold]
        return min([self.next_probe, *again])

    def tick(self, now: float) -> tuple[Effect, ...]:
        """What is due at this moment."""
        self.now = max(now, self.now)
        effects: list[Effect] = []
        if self.now >= self.next_probe:
            self.next_probe = self.now + INTERVAL
            for relay, other in self.others.items():
                probe = Probe(other.probe.next(self.now), self.start, self.roster.me)
                effects.append(SendControl(relay, probe))
        effects += self._tell()
        return tuple(effects)

    def receive(self, sender: int, message: Message, now: float) -> tuple[Effect, ...]:
        """What a leaf or a relay says; a leaf is listened to about itself alone."""
        self.now = max(now, self.now)
        if sender in self.others:
            return tuple(self._from_relay(sender, self.others[sender], message))
        if sender in self.records and self.credit.take(sender, self.now):
            return tuple(self._from_leaf(sender, message))
        return ()

    def handshake(self, leaf: int, now: float) -> tuple[Effect, ...]:
        """A leaf without an agent has begun a new session with this relay."""
        self.now = max(now, self.now)
        known = self.records.get(leaf)
        if known is None or leaf not in self.roster.quiet or known.relay == self.roster.me:
            return ()
        return (*self._learn(leaf, HomeRecord(self.roster.me, known.seq + 1)), *self._tell())

    def refused(self, relay: int, now: float) -> None:
        """No agent listens there."""
        self.now = max(now, self.now)
        if relay in self.others:
            self.others[relay].probe.refused(self.now)

    def _from_leaf(self, leaf: int, message: Message) -> Iterator[Effect]:
        if isinstance(message, Probe):
            if message.home in self.roster.relays:
                yield from self._learn(leaf, HomeRecord(message.home, message.seq))
            yield SendControl(leaf, self._answer(leaf, message))
        elif isinstance(message, Move):
            mine = HomeRecord(self.roster.me, message.seq)
            if not self.draining and leaf in self.roster.linked:
                yield from self._learn(leaf, mine)
            known = self.records[leaf]
            yield SendControl(leaf, Taken(message.seq, known.seq, known == mine))
            yield from self._tell()
        elif isinstance(message, Ask):
            yield from self._introduce(leaf, message)

    def _introduce(self, leaf: int, asked: Ask) -> Iterator[Effect]:
        """A wish counts once: who wants to be introduced again asks again."""
        left = dict(asked.wishes)
        for other, turn in asked.wishes:
            until, wish = self.wishes.get(other, (0.0, asked))
            theirs = dict(wish.wishes)
            if other == leaf or until < self.now or leaf not in theirs:
                continue
            turn = max(turn, theirs.pop(leaf))
            self.wishes[other] = until, wish._replace(wishes=tuple(theirs.items()))
            del left[other]
            yield Introduce(leaf, other, turn, wish.near, wish.varies)
            yield Introduce(other, leaf, turn, asked.near, asked.varies)
        self.wishes[leaf] = self.now + WISHED, asked._replace(wishes=tuple(left.items()))

    def _from_relay(self, relay: int, other: Listener, message: Message) -> Iterator[Effect]:
        if isinstance(message, Probe):
            if other.started != message.seq:
                other.started = message.seq
                self._untold(other, self._here())
            yield SendControl(relay, self._answer(relay, message))
        elif isinstance(message, Answer):
            was = other.probe.live
            if other.probe.answered(message.counter, self.now) and not was and other.probe.live:
                self._untold(other, self._here())
        elif isinstance(message, Homes):
            for leaf, seq in message.records:
                if leaf in self.records:
                    yield from self._learn(leaf, HomeRecord(relay, seq))
            yield SendControl(relay, Got(message.batch))
        elif isinstance(message, Got) and message.batch == other.batch and other.sent:
            # one that has moved since is still to be told, or is no longer ours to tell
            other.untold -= {leaf for leaf, seq in other.sent if self.records[leaf].seq == seq}
            other.sent, other.again = (), self.now
            yield from self._tell()

    def _learn(self, leaf: int, said: HomeRecord) -> Iterator[Effect]:
        known = self.records[leaf]
        if said.seq <= known.seq and not self._first_of_equals(leaf, said, known):
            return
        self.records[leaf] = said
        here = said.relay == self.roster.me
        for other in self.others.values():
            if here:
                self._untold(other, (leaf,))
            else:
                other.untold.discard(leaf)
        if said.relay != known.relay:
            yield PlaceLeaf(leaf, leaf if here else said.relay)

    def _first_of_equals(self, leaf: int, said: HomeRecord, known: HomeRecord) -> bool:
        equal = said.seq == known.seq > 0 and leaf in self.roster.quiet
        ranked = self.roster.relays.index
        return equal and ranked(said.relay) < ranked(known.relay)

    def _answer(self, asker: int, probe: Probe) -> Answer:
        known = self.records.get(asker, HomeRecord(0))
        hears = frozenset(relay for relay, other in self.others.items() if other.probe.carries)
        return Answer(probe.counter, known.seq, known.relay, self.draining, hears)

    def _here(self) -> Iterator[int]:
        return (leaf for leaf, one in self.records.items() if one.relay == self.roster.me)

    def _untold(self, other: Listener, leaves: Iterator[int] | tuple[int, ...]) -> None:
        other.untold.update(leaves)
        other.again = self.now

    def _tell(self) -> Iterator[Effect]:
        """A batch to each relay that has not said that it has all; one at a time is on its way."""
        for relay, other in self.others.items():
            if not other.untold or self.now < other.again:
                continue
            if not other.sent:
                leaves = sorted(other.untold)[:MOST_RECORDS]
                other.batch = (other.batch + 1) & 0xFFFFFFFF
                other.sent = tuple((leaf, self.records[leaf].seq) for leaf in leaves)
            other.again = self.now + (RETRY if other.probe.live else INTERVAL)
            yield SendControl(relay, Homes(other.batch, other.sent))
