"""A world of agents: relays and leaves with tables, links that fail, and packets that get lost.

Everything is decided by one seed. The tables are those of the shells: a leaf has all its prefixes
on one relay, a relay has each leaf directly or through another relay. `delivered` walks them with
WireGuard's rule that a packet is taken from the peer only that its source belongs to.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from meshc.agent.core.control_message import (
    Homes,
    Message,
    Move,
    Probe,
    Taken,
    decode,
    encode,
)
from meshc.agent.core.effect import Effect, MoveHome, PlaceLeaf, SendControl
from meshc.agent.core.leaf_agent import LeafAgent
from meshc.agent.core.relay_agent import HomeRecord, RelayAgent
from meshc.agent.core.roster import Roster

SETTLED = 15.0
"""Seconds after the last change by which everything that can be delivered is: 4 to see that a
relay is dead, 3 to give up one that agreed to a move and died, and as much again."""
LEAF = 1000


@dataclass
class AgentWorld:
    """Relays are numbered from 1, leaves from 1000. `loss`, `twice` are probabilities."""

    relays: int
    leaves: int
    seed: int = 0
    loss: float = 0.0
    twice: float = 0.0
    delay: float = 0.04
    hostile: frozenset[int] = frozenset()
    newer: frozenset[int] = frozenset()
    make_leaf: type[LeafAgent] = LeafAgent
    make_relay: type[RelayAgent] = RelayAgent
    now: float = 1000.0
    faults: list[str] = field(default_factory=list)
    moves: Counter[int] = field(default_factory=Counter)
    messages: Counter[int] = field(default_factory=Counter)
    longest: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.queue: list[tuple[float, int, Callable[[], None]]] = []
        self.order = itertools.count()
        self.all_relays = tuple(range(1, self.relays + 1))
        self.all_leaves = tuple(range(LEAF, LEAF + self.leaves))
        self.compiled = {leaf: self.all_relays[leaf % self.relays] for leaf in self.all_leaves}
        self.home = dict(self.compiled)
        self.placed = {relay: self.compiled_places(relay) for relay in self.all_relays}
        self.down: set[int] = set()  # nodes without power
        self.mute: set[int] = set()  # nodes without an agent
        self.cut: set[tuple[int, int]] = set()  # one direction of a link
        self.jump: Counter[int] = Counter()
        self.wall = 1_000_000
        self.agreed: set[tuple[int, int, int]] = set()
        self.said: dict[tuple[int, int], set[int]] = {}
        self.asleep: dict[int, float] = {}
        self.agents: dict[int, LeafAgent | RelayAgent] = {}
        for node in (*self.all_relays, *self.all_leaves):
            self.start_agent(node)

    def compiled_places(self, relay: int) -> dict[int, int]:
        return {leaf: leaf if home == relay else home for leaf, home in self.compiled.items()}

    @property
    def ends(self) -> tuple[int, ...]:
        """Nodes whose links may fail."""
        return self.all_relays

    # -- what happens

    def start_agent(self, node: int) -> None:
        """With the tables as they are. An agent that starts reads where the leaf lives from them,
        and a relay's what it places."""
        self.mute.discard(node)
        self.wall += 1
        if node in self.all_relays:
            relay = self.make_relay(
                Roster(node, self.all_relays, (), self.compiled, frozenset(self.all_leaves)),
                self.clock(node),
                start=self.random.getrandbits(32),
                records={
                    leaf: HomeRecord(node if via == leaf else via)
                    for leaf, via in self.placed[node].items()
                },
            )
            self.agents[node] = relay
        else:
            first = self.compiled[node]
            order = (first, *(relay for relay in self.all_relays if relay != first))
            self.agents[node] = self.make_leaf(
                Roster(node, self.all_relays, order),
                self.home[node],
                self.clock(node),
                highest=self.wall,
            )
        self._at(self.now, lambda agent=self.agents[node]: self._tick(node, agent))

    def stop_agent(self, node: int) -> None:
        self.mute.add(node)
        self.agents.pop(node, None)

    def power_off(self, node: int) -> None:
        self.down.add(node)
        self.agents.pop(node, None)

    def power_on(self, node: int) -> None:
        """With the compiled tables."""
        self.down.discard(node)
        if node in self.all_relays:
            self.placed[node] = self.compiled_places(node)
        else:
            self.home[node] = self.compiled[node]
        self.start_agent(node)

    def link(self, one: int, other: int, *, up: bool, both: bool = True) -> None:
        for pair in ((one, other), (other, one)) if both else ((one, other),):
            (self.cut.discard if up else self.cut.add)(pair)

    def clock(self, node: int) -> float:
        return self.now + self.jump[node]

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self.queue and self.queue[0][0] <= end:
            self.now, _, action = heapq.heappop(self.queue)
            action()
        self.now = end

    # -- what is true

    def passes(self, one: int, other: int) -> bool:
        return one not in self.down and other not in self.down and (one, other) not in self.cut

    def linked(self, one: int, other: int) -> bool:
        return self.passes(one, other) and self.passes(other, one)

    def delivered(self, source: int, target: int) -> bool:
        path, at = [source], self.home[source]
        while at != target:
            if not self.passes(path[-1], at):
                return False
            came_from = path[-1]
            if at in self.all_relays and self.placed[at][source] != came_from:
                return False
            path.append(at)
            if len(path) > 4:
                return False
            at = self.placed[at][target]
        return self.passes(path[-1], target) and self.home[target] == path[-1]

    def owed(self, one: int, other: int) -> bool:
        """Whether a pair has a live path, as docs/agent.md says it."""
        live = [r for r in self.all_relays if r not in self.down]
        near = [[r for r in live if self.linked(leaf, r)] for leaf in (one, other)]
        whole = all(self.linked(a, b) for a, b in itertools.combinations(live, 2))
        if whole:
            return bool(near[0] and near[1])
        return self.relays == 2 and len(near[0]) == len(near[1]) == 2

    def lost(self) -> list[tuple[int, int]]:
        honest = [leaf for leaf in self.all_leaves if leaf not in self.hostile | self.down]
        return [
            (a, b)
            for a, b in itertools.permutations(honest, 2)
            if self.owed(a, b) and not self.delivered(a, b)
        ]

    def twice_at_home(self) -> list[int]:
        """Leaves that two relays claim which hear each other."""
        return [
            leaf
            for leaf in self.all_leaves
            if leaf not in self.hostile
            for a, b in itertools.combinations(self.all_relays, 2)
            if self.placed[a][leaf] == self.placed[b][leaf] == leaf
            and self.linked(a, b)
            and not {a, b} & self.mute
        ]

    # -- the machinery

    def _at(self, when: float, action: Callable[[], None]) -> None:
        heapq.heappush(self.queue, (when, next(self.order), action))

    def _tick(self, node: int, agent: LeafAgent | RelayAgent) -> None:
        if self.agents.get(node) is not agent:
            return
        self._do(node, agent.tick(self.clock(node)))
        if node in self.hostile:
            self._lie(node)
        self._sleep(node, agent)

    def _sleep(self, node: int, agent: LeafAgent | RelayAgent) -> None:
        """Until something is due; a message that comes before that may change when."""
        wait = min(max(0.01, agent.wakes - self.clock(node)), 1.0)
        until = self.asleep[node] = self.now + wait

        def wake() -> None:
            if self.asleep[node] == until:
                self._tick(node, agent)

        self._at(until, wake)

    def _do(self, node: int, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, SendControl):
                self._note(node, effect)
                self.send(node, effect.to, effect.message)
            elif isinstance(effect, MoveHome):
                self._move(node, effect)
            elif isinstance(effect, PlaceLeaf):
                self._place(node, effect.leaf, effect.via)

    def _note(self, node: int, effect: SendControl) -> None:
        message = effect.message
        if isinstance(message, Taken) and message.accepted:
            self.agreed.add((effect.to, message.asked, node))
        if node in self.all_leaves and node not in self.hostile:
            if isinstance(message, Move):
                self._say(node, message.seq, effect.to)
            elif isinstance(message, Probe) and message.seq:
                self._say(node, message.seq, message.home)

    def _say(self, leaf: int, seq: int, home: int) -> None:
        homes = self.said.setdefault((leaf, seq), set())
        homes.add(home)
        if len(homes) > 1:
            self.faults.append(f"{leaf} used number {seq} for two homes")

    def _move(self, leaf: int, effect: MoveHome) -> None:
        agent = self.agents[leaf]
        assert isinstance(agent, LeafAgent)
        if (leaf, agent.seq, effect.relay) not in self.agreed:
            self.faults.append(f"{leaf} moved to {effect.relay} without its agreement")
        self.moves[leaf] += self.home[leaf] != effect.relay
        self.home[leaf] = effect.relay

    def _place(self, relay: int, leaf: int, via: int) -> None:
        agent = self.agents[relay]
        assert isinstance(agent, RelayAgent)
        record = agent.records[leaf]
        said = self.said.get((leaf, record.seq), ())
        if record.seq and leaf not in self.hostile and record.relay not in said:
            self.faults.append(f"{relay} believes of {leaf} what it never said: {record}")
        self.placed[relay][leaf] = via

    def send(self, node: int, to: int, message: Message) -> None:
        data = encode(message, 2) + b"more" if node in self.newer else encode(message)
        self.longest = max(self.longest, len(data))
        self.messages[node] += 1
        for _ in range(1 + (self.random.random() < self.twice)):
            if self.random.random() >= self.loss and self.passes(node, to):
                when = self.now + self.random.uniform(0.001, self.delay)
                self._at(when, lambda: self._arrive(node, to, data))

    def _arrive(self, node: int, to: int, data: bytes) -> None:
        agent = self.agents.get(to)
        if agent is None:
            if to not in self.down and self.passes(to, node) and node in self.agents:
                self.agents[node].refused(to, self.clock(node))
            return
        message = decode(data)
        if message is not None:
            self._do(to, agent.receive(node, message, self.clock(to)))
            if self.clock(to) + self.asleep.get(to, 0.0) - self.now > agent.wakes:
                self._sleep(to, agent)

    def _lie(self, node: int) -> None:
        """Everything that a leaf can put into a packet, from its own address."""
        pick = self.random
        others = (*self.all_leaves, *self.all_relays, 7)
        lies: list[Message] = [
            Homes(pick.randrange(9), ((pick.choice(others), pick.getrandbits(32)),)),
            Probe(1, pick.getrandbits(32), pick.choice(others)),
            Move(pick.getrandbits(32)),
            Taken(pick.randrange(9), pick.getrandbits(32), True),
        ]
        for _ in range(30):
            self.send(node, pick.choice(self.all_relays), pick.choice(lies))


def random_history(
    seed: int, make: Callable[..., AgentWorld] = AgentWorld, **how: object
) -> AgentWorld:
    """A world in which things have happened, and then nothing for `SETTLED` seconds."""
    pick = random.Random(seed)
    world = make(
        relays=pick.choice((2, 2, 3)),
        leaves=pick.randint(2, 5),
        seed=seed,
        loss=pick.choice((0.0, 0.0, 0.05, 0.3)),
        twice=pick.choice((0.0, 0.2)),
        delay=pick.choice((0.02, 0.3)),
        newer=frozenset(pick.sample((1, 2, LEAF), pick.randint(0, 2))),
        **how,
    )
    world.run(pick.uniform(0, 5))
    for _ in range(pick.randint(1, 12)):
        disturb(world, pick)
        world.run(pick.choice((0.05, 1.0, 4.0, 10.0, 70.0)) * pick.random())
    calm_down(world)
    return world


def disturb(world: AgentWorld, pick: random.Random) -> None:
    """One thing that happens to a network."""
    nodes = (*world.all_relays, *world.all_leaves)
    node, relay = pick.choice(nodes), pick.choice(world.ends)
    other = pick.choice([one for one in nodes if one != relay])
    what = pick.randrange(8)
    if what == 0 and node not in world.down:
        world.power_off(node)
    elif what == 1:
        for one in sorted(world.down):
            world.power_on(one)
    elif what == 2:
        world.link(relay, other, up=False, both=pick.random() < 0.7)
    elif what == 3:
        world.cut.clear()
    elif what == 4 and node not in world.down:
        world.stop_agent(node)
    elif what == 5 and node not in world.down:
        world.stop_agent(node)
        world.start_agent(node)
    elif what == 6:
        world.jump[node] += pick.choice((3, 60, 86_400))
    elif what == 7:
        agent = world.agents.get(relay)
        if isinstance(agent, RelayAgent):
            agent.draining = not agent.draining


def calm_down(world: AgentWorld) -> None:
    """No more changes: what is dead stays dead, but agents run where there is power."""
    world.loss = 0.0
    for node in sorted(world.mute - world.down):
        world.start_agent(node)
    for relay in world.all_relays:
        agent = world.agents.get(relay)
        if isinstance(agent, RelayAgent):
            agent.draining = False
    world.run(SETTLED)
