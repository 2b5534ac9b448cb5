"""The direct paths of a leaf: whom it asks the relays for, and what it knows of its own NAT.

Every live relay is asked for all those that are due, in one message; a relay that hears two leaves
ask for each other tells both at one moment (`relay_agent`). Where two relays see one leaf at
different ports its NAT gives every peer another one: two of that kind never meet, and do not try.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from meshc.agent.core.control_message import Ask, DirectProbe, Meet
from meshc.agent.core.direct_path import CLEAN, DirectPath, PairState
from meshc.agent.core.effect import Effect, Introduce, SendControl
from meshc.agent.core.message_credit import MessageCredit
from meshc.values import dataclass, field
from meshc.wg.endpoint import Endpoint

OFTEN, RARELY = 2.0, 10.0
"""Seconds between two questions, at first and later."""
OFTEN_FOR = 10.0
SOON = 0.25
AT_ONE_TIME = 5.0
"""Seconds within which two relays' views of one node are compared."""
BOTH_VARY = "the NATs of both give every peer another port"


@dataclass(slots=True)
class DirectPaths:
    """`near` are endpoints of this node inside its own network; `seen` is where the relays see it,
    and since when."""

    paths: dict[int, DirectPath] = field(default_factory=dict)
    near: tuple[Endpoint, ...] = ()
    seen: dict[int, tuple[float, Endpoint]] = field(default_factory=dict)
    varies: bool = False
    credit: MessageCredit = field(default_factory=MessageCredit)
    next_ask: float = 0.0
    asked: frozenset[int] = frozenset()
    since: float = 0.0

    def wakes(self, now: float) -> float:
        """When `tick` is wanted."""
        moments = [path.wakes for path in self.paths.values()]
        if any(path.state is PairState.APART and path.due <= now for path in self.paths.values()):
            moments.append(max(now, self.next_ask))
        return min(moments, default=now + RARELY)

    def tick(self, relays: Iterable[int], now: float) -> Iterator[Effect]:
        """What is due at this moment; `relays` are those that answer."""
        for path in self.paths.values():
            yield from path.tick(now)
        wanted = frozenset(peer for peer, path in self.paths.items() if path.wanted)
        if wanted - self.asked:
            self.next_ask = self.since = now
        self.asked = wanted
        heard = tuple(relays)
        if not wanted or now < self.next_ask:
            return
        if not heard:
            self.next_ask = self.since = now + SOON
            return
        self.next_ask = now + (OFTEN if now - self.since < OFTEN_FOR else RARELY)
        wishes = tuple((peer, self.paths[peer].turn & 0xFF) for peer in sorted(wanted))
        for relay in heard:
            yield SendControl(relay, Ask(wishes, self.near, self.varies))

    def receive(self, sender: int, said: DirectProbe, now: float) -> Iterator[Effect]:
        """What another leaf says over the direct session; of those that it may have one with."""
        path = self.paths.get(sender)
        if path is not None and self.credit.take(sender, now):
            yield from path.receive(said, now)

    def meet(self, relay: int, said: Meet, now: float) -> Iterator[Effect]:
        """What a relay says of a pair that has asked."""
        self.seen[relay] = now, said.mine
        views = [view for when, view in self.seen.values() if now - when < AT_ONE_TIME]
        one_host = {view.host for view in views if view.family == said.mine.family}
        if len(views) > 1 and one_host == {said.mine.host}:
            self.varies = any(view != said.mine for view in views)
        path = self.paths.get(said.peer)
        if path is None:
            return
        if self.varies and said.varies and path.wanted:
            yield from path.part(BOTH_VARY, CLEAN)
        else:
            yield from path.meet(said, now)

    def refused(self, peer: int, now: float) -> None:
        """No agent listens there."""
        if peer in self.paths:
            self.paths[peer].refused(now)


def meeting(wanted: Introduce, seen: Mapping[int, Endpoint]) -> Meet | None:
    """What is said for an introduction, where the device of the relay sees both. Endpoints of the
    peer's own network come first for those that are behind the same address."""
    mine, theirs = seen.get(wanted.to), seen.get(wanted.peer)
    if mine is None or theirs is None:
        return None
    near = wanted.near if mine.host == theirs.host else ()
    at = tuple(dict.fromkeys((*near, theirs)))
    return Meet(wanted.peer, wanted.turn, mine, at, wanted.varies)
