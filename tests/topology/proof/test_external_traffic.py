"""What arrays say about packets to LANs, to the internet and to nobody, a walk says as well."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest

from meshc.prefixes import Prefix, parse_address
from meshc.topology.proof import Proof
from meshc.topology.proof.equivalence_classes import EquivalenceClasses
from meshc.topology.proof.external_traffic import (
    ExternalLoss,
    exit_losses,
    far_away,
    lan_losses,
    leaks,
    rings,
)
from meshc.topology.proof.walk import Packet, walk
from tests.support.planted import proof
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
