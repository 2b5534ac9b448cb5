"""Costs in words choose the relays that the long integers choose."""

from __future__ import annotations

import random

from hypothesis import given, settings

from meshc.diagnostics import Diagnostics
from meshc.topology.language.spec import Nat, Spec
from meshc.topology.planner.links.mesh_graph import build_graph
from meshc.topology.planner.routing import hop_words
from meshc.topology.planner.routing.hop_words import HopWords
from meshc.topology.planner.routing.routing import build_routing
from tests.support import specs
from tests.support.networks import networks
from tests.support.specs import node


def agree(spec: Spec) -> None:
    routing = build_routing(build_graph(spec, Diagnostics()))
    words = HopWords(routing)
    assert words.fits
    for source, links in enumerate(routing.attachments):
        first = words.first(source).tolist()
        assert [links[at][0] if at >= 0 else None for at in first] == [
            routing.class_to_class(source, target) for target in range(len(routing.members))
        ]


@settings(deadline=None)
@given(networks(most=10))
def test_any_network(spec: Spec) -> None:
    agree(spec)


def many(leaves: int, vias: int) -> Spec:
    dice = random.Random(leaves)
    relays = [f"r{n}" for n in range(9)]
    nodes = [node(r, relay=True, endpoint=f"192.0.2.{n + 1}") for n, r in enumerate(relays)]
    for n in range(leaves):
        via = tuple(dice.sample(relays, vias))
        nodes.append(node(f"leaf{n}", nat=Nat.SYMMETRIC, via=via))
    return specs.spec(nodes)


def test_orders_of_their_own() -> None:
    agree(many(40, 3))


def test_islands() -> None:
    """Relays that do not meet: from there no path leads here."""
    spec = specs.spec(
        [
            node("a", relay=True, endpoint="192.0.2.1", underlay=frozenset({4})),
            node("b", relay=True, endpoint="[2001:db8::1]", underlay=frozenset({6})),
            node("x", nat=Nat.SYMMETRIC, underlay=frozenset({4})),
            node("y", nat=Nat.SYMMETRIC, underlay=frozenset({6})),
        ]
    )
    routing = build_routing(build_graph(spec, Diagnostics()))
    assert any(
        routing.class_to_class(a, b) is None
        for a in range(len(routing.members))
        for b in range(len(routing.members))
    )
    agree(spec)


def test_what_does_not_fit_is_told() -> None:
    spec = many(6, 9)
    routing = build_routing(build_graph(spec, Diagnostics()))
    assert HopWords(routing).fits
    before = hop_words._WIDTHS
    hop_words._WIDTHS = (9, 2, 8, 30)
    try:
        assert not HopWords(routing).fits
    finally:
        hop_words._WIDTHS = before
