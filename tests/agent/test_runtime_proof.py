"""What agents make of the emitted files is proven by enumeration: every choice of homes, and every
move that has come halfway, in networks of six nodes.

The proof walks the files after the very updates that an agent writes to its device.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import combinations, permutations, product
from pathlib import Path

import pytest

from meshc.agent.compiled_roster import CompiledRoster, read_roster
from meshc.agent.core.effect import Effect, MoveBack, MoveDirect, MoveHome, PlaceLeaf, WarmPeer
from meshc.agent.moved_files import after_move
from meshc.agent.second_profile import second_profile
from meshc.build.pipeline import compile_file
from meshc.build.reader import open_build
from meshc.build.topology_file import read_spec
from meshc.diagnostics import Diagnostics
from meshc.topology.language.spec import Spec
from meshc.topology.proof.expectation import NodeFile, expectation
from meshc.topology.proof.proof import Proof, prove
from meshc.wg.conf import Conf, parse
from meshc.wg.endpoint import Endpoint

THREE_LEAVES = """
meshc: 1
network: {name: heal, addresses: [10.44.0.0/24, "fd44::/64"], agent: true}
nodes:
  r1: {role: relay, endpoint: 203.0.113.1}
  r2: {role: relay, endpoint: 203.0.113.2}
  a: {nat: symmetric, via: [r1], routes: [192.168.7.0/24]}
  b: {nat: symmetric, via: [r2]}
  c: {nat: symmetric, via: [r1]}
  phone: {nat: symmetric, via: [r2], platform: ios}
"""
MEETING = """
meshc: 1
network: {name: heal, addresses: [10.44.0.0/24], agent: true}
nodes:
  r1: {role: relay, endpoint: 203.0.113.1}
  r2: {role: relay, endpoint: 203.0.113.2}
  a: {nat: port_restricted, via: [r1], routes: [192.168.7.0/24]}
  b: {nat: port_restricted, via: [r2]}
  c: {nat: port_restricted, via: [r1]}
"""
POLICIES = """
policies:
  - {from: a, to: b, allow: tcp/22}
  - {from: [a, b, c], to: [r1, r2], allow: icmp}
  - {from: r1, to: [a, c], allow: tcp/22}
"""
THREE_RELAYS = THREE_LEAVES.replace("  phone: {nat: symmetric, via: [r2], platform: ios}\n", "")
THREE_RELAYS = THREE_RELAYS.replace(
    "  c:", "  r3: {role: relay, endpoint: 203.0.113.3}\n  c:"
).replace("  c: {nat: symmetric, via: [r1]", "  c: {nat: symmetric, via: [r3]")


class Network:
    """The emitted files of a network, and what its agents may do to them."""

    def __init__(self, text: str, directory: Path) -> None:
        file = directory / "mesh.yaml"
        file.write_text(text)
        compile_file(file)
        built = open_build(directory / "build", file=file)
        self.spec: Spec = read_spec(file, Diagnostics())
        self.confs: dict[str, Conf] = {}
        self.rosters: dict[str, CompiledRoster] = {}
        for name in self.spec.nodes:
            found = built.node(name)
            self.confs[name] = parse(found.text().reveal())
            roster = read_roster(found.path)
            if roster is not None:
                self.rosters[name] = roster
        self.relays = [name for name, node in self.spec.nodes.items() if node.is_relay]
        self.leaves = [name for name in self.rosters if name not in self.relays]
        self.number = {name: roster.roster.me for name, roster in self.rosters.items()}
        for roster in self.rosters.values():
            self.number |= {name: number for number, name in roster.names.items()}

    def homes(self) -> Iterator[dict[str, str]]:
        for chosen in product(self.relays, repeat=len(self.leaves)):
            yield dict(zip(self.leaves, chosen, strict=True))

    def effects(
        self, homes: Mapping[str, str], leaves: Mapping[str, str] | None = None
    ) -> Iterator[tuple[str, Effect]]:
        """What each agent does where leaves live so; `leaves` are those that have one."""
        for leaf, home in homes.items():
            if leaves is None or leaf in leaves:
                yield leaf, MoveHome(self.number[home], "enumerated")
            for relay in self.relays:
                via = leaf if home == relay else home
                yield relay, PlaceLeaf(self.number[leaf], self.number[via])

    def meeting(self) -> None:
        """From now on the NATs of the leaves are known, as two agents that meet know them."""
        nodes = dict(self.spec.nodes)
        for at, name in enumerate(self.leaves):
            where = Endpoint(f"198.51.100.{at + 1}", 51820)
            nodes[name] = replace(nodes[name], endpoints=(where,), listen_port=51820)
            self.confs[name] = replace(self.confs[name], listen_port=51820)
        self.spec = replace(self.spec, nodes=nodes)

    def directly(self, pair: tuple[str, str], *, both: bool = True) -> Iterator[tuple[str, Effect]]:
        for one, other in (pair, pair[::-1])[: 1 + both]:
            peer = self.number[other]
            yield one, WarmPeer(peer, self.spec.nodes[other].endpoints[0])
            yield one, MoveDirect(peer)

    def warm(self, pair: tuple[str, str]) -> Iterator[tuple[str, Effect]]:
        return (step for step in self.directly(pair) if isinstance(step[1], WarmPeer))

    def proof(self, *effects: tuple[str, Effect]) -> Proof:
        confs = dict(self.confs)
        for name, effect in effects:
            confs[name] = after_move(confs[name], self.rosters[name], effect)
        files = [NodeFile(name, conf) for name, conf in confs.items()]
        own = {name: tuple(a.host for a in conf.addresses) for name, conf in confs.items()}
        return prove(files, expectation(self.spec, addresses=own))

    def path(self, source: str, target: str, homes: Mapping[str, str]) -> tuple[str, ...]:
        """The way that docs/agent.md promises."""
        ends = [[homes[one], one] if one in homes else [one] for one in (source, target)]
        steps = [*reversed(ends[0]), *ends[1]]
        return tuple(dict.fromkeys(steps))


@pytest.mark.parametrize("text", [THREE_LEAVES, THREE_RELAYS], ids=["two relays", "three relays"])
def test_every_choice_of_homes_delivers_every_pair_over_the_homes_alone(
    text: str, tmp_path: Path
) -> None:
    """So no dead relay is on a path of those who have left it."""
    network = Network(text, tmp_path)
    asked = 0
    for homes in network.homes():
        made = network.proof(*network.effects(homes))
        whole = {**homes, "phone": "r2"} if "phone" in network.confs else homes
        assert made.holds, (homes, made.findings)
        for source, target in permutations(network.confs, 2):
            for family in (4, 6):
                asked += 1
                assert made.path(source, target, family) == network.path(source, target, whole)
    assert asked == 2 * 30 * len(network.relays) ** 3


def test_a_phone_may_come_by_every_relay_wherever_the_others_live(tmp_path: Path) -> None:
    """Its second profile: the relay that it comes by has its prefixes, and it that relay's."""
    network = Network(THREE_LEAVES, tmp_path)
    reader = open_build(tmp_path / "build", file=tmp_path / "mesh.yaml")
    for relay in network.relays:
        text = second_profile(reader, network.spec, "phone", relay).reveal()
        network.confs["phone"] = parse(text)
        for homes in network.homes():
            made = network.proof(*network.effects({**homes, "phone": relay}, leaves=homes))
            assert made.holds, (homes, relay, made.findings)
            wanted = network.path("phone", "b", {**homes, "phone": relay})
            assert made.path("phone", "b", 4) == wanted


def test_any_pairs_may_be_direct_wherever_leaves_live(tmp_path: Path) -> None:
    """Every set of direct pairs with every choice of homes, whichever came first: the direct pairs
    are direct, all others go over their homes."""
    network = Network(MEETING, tmp_path)
    network.meeting()
    pairs = list(combinations(network.leaves, 2))
    asked = 0
    for homes, chosen in product(network.homes(), range(1 << len(pairs))):
        direct = [pair for at, pair in enumerate(pairs) if chosen >> at & 1]
        moves = [step for pair in direct for step in network.directly(pair)]
        steps = [*network.effects(homes), *moves]
        if chosen % 2:
            steps = [*moves, *network.effects(homes)]
        made = network.proof(*steps)
        assert made.holds, (homes, direct, made.findings)
        for source, target in permutations(network.confs, 2):
            asked += 1
            known = {(source, target), (target, source)} & set(direct)
            wanted = (source, target) if known else network.path(source, target, homes)
            assert made.path(source, target, 4) == wanted
    assert asked == 8 * 8 * 20


def test_policies_hold_wherever_leaves_live_and_whoever_is_direct(tmp_path: Path) -> None:
    """Who may not speak is no partner; rules name addresses, and stand at every relay and receiver,
    so that no move makes more or less of them."""
    network = Network(MEETING + POLICIES, tmp_path)
    network.meeting()
    partners = {
        name: {network.rosters[name].names[one] for one in network.rosters[name].roster.partners}
        for name in network.leaves
    }
    assert partners == {"a": {"b"}, "b": {"a"}, "c": set()}
    asked = 0
    for homes, direct in product(network.homes(), (False, True)):
        made = network.proof(
            *network.effects(homes), *(network.directly(("a", "b")) if direct else ())
        )
        # that a leaf hears its partner is right where the session owned nothing before
        wrong = [f.message for f in made.findings if f.code[0] == "E"]
        assert not [text for text in wrong if "lets the agent of " not in text], (homes, wrong)
        assert direct or not wrong
        asked += 1
        wanted = ("a", "b") if direct else network.path("a", "b", homes)
        assert made.path("a", "b", 4) == wanted
        assert made.separate("a", "c")
        assert made.separate("c", "b")
    assert asked == 16


def test_a_direct_move_that_has_come_halfway_concerns_that_pair_alone(tmp_path: Path) -> None:
    network = Network(MEETING, tmp_path)
    network.meeting()
    warm = list(network.warm(("a", "b")))
    assert network.proof(*warm).holds, "a session that owns no prefix changes nothing"
    made = network.proof(*warm, *network.directly(("a", "b"), both=False))
    lost = [pair for pair in permutations(network.confs, 2) if not made.reachable(*pair)]
    assert set(lost) <= {("a", "b"), ("b", "a")}
    assert lost
    back = [(name, MoveBack(network.number[other], "test")) for name, other in ("ab", "ba")]
    again = network.proof(*network.directly(("a", "b")), *back)
    assert again.holds
    assert again.path("a", "b", 4) == network.path("a", "b", {"a": "r1", "b": "r2"})


def test_a_move_that_has_come_halfway_concerns_the_moving_leaf_alone(tmp_path: Path) -> None:
    """In whatever order the leaf and the relays do their part."""
    network = Network(THREE_RELAYS, tmp_path)
    steps = [step for step in network.effects({"a": "r2"})]
    assert len(steps) == 4
    for done in range(1 << len(steps)):
        made = network.proof(*(step for at, step in enumerate(steps) if done >> at & 1))
        for source, target in permutations(network.confs, 2):
            if "a" not in (source, target):
                assert made.reachable(source, target), (done, source, target)
    assert network.proof(*steps).holds


def test_a_relay_that_places_a_leaf_elsewhere_than_it_lives_is_found(tmp_path: Path) -> None:
    """The oracle can fail."""
    network = Network(THREE_LEAVES, tmp_path)
    made = network.proof(("a", MoveHome(network.number["r2"], "alone")))
    assert not made.reachable("b", "a")
