"""What arrays say about packets to LANs, to the internet and to nobody, a walk says as well."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from meshc.prefixes import Prefix, halves, parse_address, without
from meshc.topology.language.spec import Platform, Spec
from meshc.topology.obligations.exit_duty import ExitDuty
from meshc.topology.proof import Proof, prove
from meshc.topology.proof.equivalence_classes import EquivalenceClasses
from meshc.topology.proof.external_traffic import (
    ExternalLoss,
    exit_losses,
    far_away,
    lan_losses,
    leaks,
    rings,
    swallowed_exceptions,
)
from meshc.topology.proof.public_space import public_atoms
from meshc.topology.proof.walk import Packet, walk
from meshc.wg.conf import Conf
from tests.support.planted import proof
from tests.support.random_exits import random_exits
from tests.support.random_topology import compiled
from tests.support.random_wire import random_wire, spoil
from tests.support.wire import Wire, main_example
from tests.support.wire_examples import EXIT_BACK, EXIT_OUT, LAN_HOOKS, exit_example, lan_example

RELAY = "public-server1"


def alone(found: Proof, family: int = 4) -> EquivalenceClasses:
    """Every node is a class of its own, so that a loss is told for each of them."""
    home = found.planes[family].fib.home
    nodes = np.flatnonzero(home >= 0).astype(np.int32)
    of = np.full(len(home), -1, np.int32)
    of[nodes] = np.arange(len(nodes), dtype=np.int32)
    return EquivalenceClasses(of, np.ones(len(nodes), np.int32), nodes, nodes)


def sources(found: Proof, losses: Iterator[ExternalLoss]) -> list[tuple[str, str, bool]]:
    return [(found.names[one.source], found.names[one.node], one.answer) for one in losses]


def lost_by_walking(found: Proof, router: str, lan: str, address: str) -> list[tuple[str, bool]]:
    """The slow way: a packet from each node to the LAN and, where it comes there, its answer."""
    lost = []
    target = int(parse_address(address))
    for name, model in found.network.models.items():
        if name == router or model.conf is None or not model.conf.addresses:
            continue
        own = model.conf.addresses[0].value
        there = walk(found.network, name, Packet(4, own, target), target=lan)
        if not there.delivered or there.path[-1] != router:
            lost.append((name, False))
            continue
        back = walk(found.network, router, Packet(4, target, own, True), target=name)
        if not back.delivered or back.path[-1] != name:
            lost.append((name, True))
    return sorted(lost)


def spoiled_lans() -> Iterator[Wire]:
    yield lan_example()
    for hook in LAN_HOOKS:
        wire = lan_example()
        wire.nodes["home-server"].post_up.remove(hook)
        yield wire
    for seed in range(40):
        wire = lan_example()
        # which of two nodes with one key gets a packet is open (E403)
        if spoil(wire, random.Random(seed)) != "twin":
            yield wire


def test_a_lan_is_lost_for_those_whose_walk_ends_elsewhere() -> None:
    kinds = set()
    for wire in spoiled_lans():
        found = proof(wire)
        plane = found.planes[4]
        told = sources(found, lan_losses(plane, alone(found), wire.obligations()))
        expected = lost_by_walking(found, "home-server", "192.168.1.0/24", "192.168.1.0")
        assert sorted((name, answer) for name, _, answer in told) == expected
        kinds |= {answer for _, answer in expected}
    assert kinds == {False, True}, "the faults must lose packets of both directions"


def test_a_class_is_tried_once_and_counted_whole() -> None:
    wire = lan_example()
    wire.nodes["home-server"].post_up.remove(LAN_HOOKS[2])
    found = proof(wire)
    classes = found.matrices[4].classes
    together = list(lan_losses(found.planes[4], classes, wire.obligations()))
    assert sum(loss.pairs for loss in together) == 4
    assert {loss.what for loss in together} == {"192.168.1.0/24"}


def test_an_exit_that_does_not_forward_is_told_with_its_direction() -> None:
    good = proof(exit_example())
    owed = exit_example().obligations()
    assert list(exit_losses(good.planes[4], alone(good), owed)) == []
    for missing, answer in ((EXIT_OUT, False), (EXIT_BACK, True)):
        wire = exit_example()
        wire.nodes[RELAY].post_up.remove(missing)
        found = proof(wire)
        assert sources(found, exit_losses(found.planes[4], alone(found), owed)) == [
            ("phone", RELAY, answer)
        ]


def test_the_internet_is_an_address_that_no_file_mentions() -> None:
    plane = proof(exit_example()).planes[4]
    assert far_away(plane) == plane.fib.atom(int(parse_address("1.1.1.1")))
    wire = lan_example()
    wire.pools += (Prefix.parse("1.1.1.0/24"),)
    plane = proof(wire).planes[4]
    assert far_away(plane) == plane.fib.atom(int(parse_address("8.8.8.8")))


@pytest.mark.parametrize(
    ("allowed", "leaked"),
    [(["0.0.0.0/0"], []), (["0.0.0.0/1", "128.0.0.0/1"], []), (["0.0.0.0/1"], ["128.0.0.0/32"])],
)
def test_what_no_peer_gets_leaves_outside_of_the_tunnel(
    allowed: list[str], leaked: list[str]
) -> None:
    wire = exit_example()
    wire.nodes["phone"].peers[RELAY].allowed[:] = ["10.44.0.0/24", "::/0", *allowed]
    found = proof(wire)
    lost = list(leaks(found.planes[4], found.names.index("phone")))
    assert list(map(str, lost[:1])) == leaked
    assert all(Prefix.parse("128.0.0.0/1").contains(one) for one in lost)


BESIDE = ExitDuty((Prefix.parse("10.0.0.0/8"), Prefix.parse("203.0.113.0/24")))
REST = without((Prefix.parse("0.0.0.0/0"),), BESIDE.beside)


def with_exceptions(*allowed: str) -> tuple[Proof, int]:
    """The phone leaves two prefixes out, and has these AllowedIPs beside those of the network."""
    wire = exit_example()
    phone = wire.nodes["phone"]
    phone.facts = replace(phone.facts, exit_duty=BESIDE, platform=Platform.IOS)
    phone.peers[RELAY].allowed[:] = ["10.44.0.0/24", "::/0", *allowed]
    found = proof(wire)
    return found, found.names.index("phone")


def test_what_is_to_stay_beside_is_no_leak_and_the_network_is_no_exception() -> None:
    """The pool lies in 10.0.0.0/8."""
    found, phone = with_exceptions(*map(str, REST))
    assert leaks(found.planes[4], phone) == []
    assert swallowed_exceptions(found.planes[4], phone) == []
    owed = exit_example().obligations()
    assert list(exit_losses(found.planes[4], alone(found), owed)) == []
    assert found.holds


@pytest.mark.parametrize("missing", range(len(REST)))
def test_every_part_that_is_not_sent_to_the_exit_is_a_leak(missing: int) -> None:
    found, phone = with_exceptions(*(str(p) for p in REST if p is not REST[missing]))
    (lost, *_) = leaks(found.planes[4], phone)
    assert REST[missing].contains(lost)
    assert not found.holds


@pytest.mark.parametrize("extra", ["0.0.0.0/0", "10.0.0.0/9", "203.0.113.9/32"])
def test_an_exception_that_goes_into_the_tunnel_is_told(extra: str) -> None:
    found, phone = with_exceptions(*map(str, REST), extra)
    (swallowed, *_) = swallowed_exceptions(found.planes[4], phone)
    assert Prefix.parse(extra).contains(swallowed)
    assert {one.code for one in found.findings if one.code[0] == "E"} == {"E444"}


@pytest.mark.parametrize("part", REST[::4])
def test_a_part_of_the_internet_that_goes_to_another_peer_is_lost(part: Prefix) -> None:
    """Whatever part it is: one address does not stand for all of them."""
    wire = exit_example()
    phone = wire.nodes["phone"]
    phone.facts = replace(phone.facts, exit_duty=BESIDE, platform=Platform.IOS)
    phone.peers[RELAY].allowed[:] = ["10.44.0.0/24", "::/0"]
    phone.peers[RELAY].allowed += [str(p) for p in REST if p is not part]
    other = next(name for name in phone.peers if name != RELAY)
    phone.peers[other].allowed.append(str(part))
    found = proof(wire)
    public = bool(public_atoms(found.planes[4].fib)[found.planes[4].fib.atom(part.value)])
    assert public is (not found.holds), "what is nobody's and not public, no exit passes on"


def wrong(conf: Conf, spec: Spec, name: str) -> set[str]:
    """What the file of an exit's user gets wrong, address by address."""
    node, found = spec.nodes[name], set[str]()
    own = (*node.routes, *(spec.sites[node.site].lan if node.site else ()))
    lans = [r for n in spec.nodes.values() for r in n.routes]
    doors = {e.host for n in spec.nodes.values() for e in n.endpoints}
    doors |= {n.lan_endpoint.host for n in spec.nodes.values() if n.lan_endpoint}
    edges = [*(p for peer in conf.peers for p in peer.allowed_ips), *node.exit_except]
    targets = {Prefix.host(door) for door in doors if ":" in door or door[-1].isdigit()}
    for prefix in edges:
        bits = 32 if prefix.family == 4 else 128
        for value in (prefix.value - 1, prefix.value, prefix.last, prefix.last + 1):
            targets |= {Prefix(prefix.family, value, bits)} if 0 <= value < 1 << bits else set()
    for target in targets:
        inside = any(p.contains(target) for peer in conf.peers for p in peer.allowed_ips)
        if any(p.contains(target) for p in (*own, *spec.network.pools, *lans)):
            continue
        beside = any(p.contains(target) for p in node.exit_except)
        if inside and beside:
            found.add("E444")
        families = {p.family for p in node.exit_except}
        door = target.address in doors and target.family in families
        if not (inside or beside or door):
            found.add("E414")
    return found


def spoilt(conf: Conf, spec: Spec, name: str, rng: random.Random) -> Conf:
    """One entry of the file goes, moves, or comes in addition."""
    at = rng.randrange(len(conf.peers))
    peer, node = conf.peers[at], spec.nodes[name]
    allowed = list(peer.allowed_ips)
    kind = rng.choice(("gone", "half", "exception", "nothing"))
    if kind == "gone" and allowed:
        allowed.pop(rng.randrange(len(allowed)))
    elif kind == "half" and (wide := [p for p in allowed if not p.is_host]):
        one = rng.choice(wide)
        allowed[allowed.index(one)] = rng.choice(halves(one))
    elif kind == "exception":
        allowed.append(rng.choice(node.exit_except))
    peers = list(conf.peers)
    peers[at] = peer._replace(allowed_ips=tuple(allowed))
    return replace(conf, peers=tuple(peers))


@pytest.mark.slow(seconds=12)
def test_planted_faults_of_random_exit_users_are_found_and_nothing_else() -> None:
    """The judge goes through addresses one by one and knows neither planner nor proof."""
    right = broken = 0
    for seed in range(36):
        made = compiled(random_exits(random.Random(seed)))
        if made is None:
            continue
        analysis, files, expected, _ = made
        rng = random.Random(seed)
        users = [f for f in files if analysis.spec.nodes[f.name].exit_except and not f.script]
        for file in rng.sample(users, min(2, len(users))):
            conf = spoilt(file.conf, analysis.spec, file.name, rng)
            told = {
                one.code
                for one in prove(
                    [f._replace(conf=conf) if f is file else f for f in files], expected
                ).findings
                if one.code in ("E414", "E444") and f"nodes.{file.name}." in one.path
            }
            assert told == wrong(conf, analysis.spec, file.name), (seed, file.name)
            right, broken = right + (not told), broken + bool(told)
    assert right > 10
    assert broken > 15


def test_next_hops_that_go_round_are_told_once() -> None:
    wire = main_example()
    assert list(rings(proof(wire).planes[4], wire.pools)) == []
    wire.nodes[RELAY].peers["public-server2"].allowed.append("10.44.0.0/24")
    found = proof(wire)
    ((ring, address),) = rings(found.planes[4], wire.pools)
    first, second, last = (found.names[n] for n in ring)
    assert first == last
    assert {first, second} == {RELAY, "public-server2"}
    assert Prefix.parse("10.44.0.0/24").value == int(parse_address(address))


def test_random_networks_have_no_ring_without_a_fault() -> None:
    for seed in range(10):
        wire = random_wire(random.Random(seed))
        for plane in proof(wire).planes.values():
            assert list(rings(plane, wire.pools)) == []
