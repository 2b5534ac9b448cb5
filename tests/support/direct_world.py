"""A world of agents whose leaves find direct paths: NATs that let them meet, or do not.

A session between two leaves is there while both have called each other and nothing stands in the
way. A router that `accepts` a stranger's packet remembers it for 30 s after the last one, and what
its own leaf sends to that stranger then gets another port: the leaf must have opened its NAT, or
have called, first. Those who are `deep` are behind more routers than a first packet passes.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from meshc.agent.core.control_message import Ask, DirectProbe, Meet, Message
from meshc.agent.core.direct_path import UP, DirectPath, PairState
from meshc.agent.core.direct_paths import DirectPaths, meeting
from meshc.agent.core.effect import (
    CoolPeer,
    Effect,
    Introduce,
    MoveBack,
    MoveDirect,
    OpenNat,
    SendControl,
    WarmPeer,
)
from meshc.agent.core.leaf_agent import LeafAgent
from meshc.wg.endpoint import Endpoint
from tests.support.agent_world import LEAF, AgentWorld, random_history

REMEMBERED = 30.0


@dataclass
class DirectWorld(AgentWorld):
    """All pairs of leaves may have a direct path; those of `hard` never meet. Every relay sees the
    NAT of a leaf in `symmetric` at another port."""

    hard: frozenset[frozenset[int]] = frozenset()
    accepting: frozenset[int] = frozenset()
    symmetric: frozenset[int] = frozenset()
    deep: frozenset[int] = frozenset()
    make_path: type[DirectPath] = DirectPath
    direct: dict[int, set[int]] = field(default_factory=dict)
    called: dict[int, set[int]] = field(default_factory=dict)
    spoiled: set[tuple[int, int]] = field(default_factory=set)
    strangers: dict[tuple[int, int], float] = field(default_factory=dict)
    opened: dict[tuple[int, int], float] = field(default_factory=dict)
    said_up: set[tuple[int, int]] = field(default_factory=set)
    ever_up: set[tuple[int, int]] = field(default_factory=set)
    switches: Counter[tuple[int, int]] = field(default_factory=Counter)

    @property
    def ends(self) -> tuple[int, ...]:
        return (*self.all_relays, *self.all_leaves)

    def start_agent(self, node: int) -> None:
        super().start_agent(node)
        agent = self.agents[node]
        if not isinstance(agent, LeafAgent):
            return
        moved = self.direct.setdefault(node, set())
        self.called.setdefault(node, set())
        agent.direct = DirectPaths(
            {
                other: self.make_path(other, node < other, node < other, self.clock(node))
                for other in self.all_leaves
                if other != node
            }
        )
        for other in moved:
            agent.direct.paths[other].found_direct()

    def power_on(self, node: int) -> None:
        for other in list(self.called.get(node, ())):
            self._cool(node, other)
        self.direct[node] = set()
        super().power_on(node)

    def session(self, one: int, other: int) -> bool:
        pair = ((one, other), (other, one))
        return (
            self.passes(one, other)
            and all(b in self.called[a] and (a, b) not in self.spoiled for a, b in pair)
            and frozenset((one, other)) not in self.hard
        )

    def delivered(self, source: int, target: int) -> bool:
        if target in self.direct[source]:
            return source in self.direct[target] and self.session(source, target)
        return source not in self.direct[target] and super().delivered(source, target)

    def relayed(self) -> list[tuple[int, int]]:
        """Pairs that have no direct path, at one end at least."""
        pairs = itertools.permutations(self.all_leaves, 2)
        return [(a, b) for a, b in pairs if b not in self.direct[a]]

    def send(self, node: int, to: int, message: Message) -> None:
        if node in self.all_leaves and to in self.all_leaves:
            if isinstance(message, DirectProbe) and message.flags & UP:
                self.said_up.add((node, to))
                self.ever_up.add((node, to))
            if not self.session(node, to):
                return
        super().send(node, to, message)

    def _do(self, node: int, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case OpenNat(endpoint):
                    self._open(node, endpoint)
                case WarmPeer(peer):
                    self._call(node, peer)
                case CoolPeer(peer):
                    self._cool(node, peer)
                case MoveDirect(peer):
                    heard = (peer, node) in self.said_up and (node, peer) in self.ever_up
                    if not heard and peer not in self.hostile:
                        self.faults.append(f"{node} moved to {peer}, and not both had heard")
                    self.switches[node, peer] += 1
                    self.direct[node].add(peer)
                case MoveBack(peer):
                    self.switches[node, peer] += 1
                    self.direct[node].discard(peer)
                case Introduce():
                    seen = {leaf: self._seen(node, leaf) for leaf in self.all_leaves}
                    said = meeting(effect, seen)
                    assert said is not None
                    super()._do(node, (SendControl(effect.to, said),))
                case _:
                    super()._do(node, (effect,))

    def _seen(self, relay: int, leaf: int) -> Endpoint:
        return Endpoint(f"198.51.100.{leaf % 250}", 4000 + relay * (leaf in self.symmetric))

    def _open(self, node: int, endpoint: Endpoint) -> None:
        (peer,) = (leaf for leaf in self.all_leaves if self._seen(0, leaf).host == endpoint.host)
        if node not in self.deep and not self._remembers(node, peer):
            self.opened[node, peer] = self.now + REMEMBERED

    def _call(self, node: int, peer: int) -> None:
        self.called[node].add(peer)
        waits = node in self.called[peer] or self.opened.get((peer, node), 0.0) > self.now
        if not waits or (peer, node) in self.spoiled:
            self.strangers[peer, node] = float("inf")
        if peer not in self.called[node] or self._remembers(node, peer):
            self.spoiled.add((node, peer))

    def _remembers(self, node: int, peer: int) -> bool:
        """Whether the router of a leaf has let that other's packet in to itself."""
        return node in self.accepting and self.strangers.get((node, peer), 0.0) > self.now

    def _cool(self, node: int, peer: int) -> None:
        self.called[node].discard(peer)
        self.spoiled.discard((node, peer))
        self.said_up.discard((peer, node))
        if (peer, node) in self.strangers:
            self.strangers[peer, node] = self.now + REMEMBERED

    def _lie(self, node: int) -> None:
        super()._lie(node)
        pick = self.random
        everybody = tuple((leaf, pick.getrandbits(8)) for leaf in self.all_leaves)
        for relay in self.all_relays:
            self.send(node, relay, Ask(everybody, varies=pick.random() < 0.5))
        for leaf in self.all_leaves:
            if leaf != node:
                self.send(node, leaf, DirectProbe(0, pick.getrandbits(32), pick.getrandbits(8), 9))
                self.send(node, leaf, Meet(leaf, 0, Endpoint("192.0.2.1", 1), ()))


def direct_history(seed: int, **how: object) -> DirectWorld:
    """A random history with NATs of all kinds."""
    pick = random.Random(~seed)
    pairs = [frozenset(pair) for pair in itertools.combinations(range(LEAF, LEAF + 5), 2)]
    leaves = range(LEAF, LEAF + 5)
    world = random_history(
        seed,
        DirectWorld,
        hard=frozenset(pick.sample(pairs, pick.randint(0, 3))),
        accepting=frozenset(pick.sample(leaves, pick.randint(0, 2))),
        symmetric=frozenset(pick.sample(leaves, pick.randint(0, 2))),
        **how,
    )
    assert isinstance(world, DirectWorld)
    return world


def stays_lost(world: DirectWorld) -> set[tuple[int, int]]:
    """Pairs that are lost at each of four moments: a move has its own, which is short."""
    lost = set(world.lost())
    for _ in range(3):
        world.run(1.1)
        lost &= set(world.lost())
    return lost


def states(world: DirectWorld, leaf: int) -> dict[int, PairState]:
    """How the agent of a leaf sees its pairs."""
    agent = world.agents[leaf]
    assert isinstance(agent, LeafAgent)
    return {peer: path.state for peer, path in agent.direct.paths.items()}
