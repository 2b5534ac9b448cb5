"""Who can start, where, and who keeps a NAT open: one pair at a time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshc.topology.language.spec import LinkSpec, Nat, NodeSpec
from meshc.topology.planner.links.link import (
    LinkReason,
    directions,
    endpoint_for,
    is_fixed,
    is_public,
    make_link,
)
from meshc.wg.endpoint import Endpoint
from tests.support.specs import node

V4, V6, NAME = (
    Endpoint("198.51.100.1", 1),
    Endpoint("2001:db8::1", 2),
    Endpoint("host.example", 3),
)


@pytest.mark.parametrize(
    ("nat", "public", "fixed"),
    [
        (Nat.NONE, True, False),
        (Nat.FULL_CONE, True, False),
        (Nat.UNKNOWN, True, False),
        (Nat.RESTRICTED, False, True),
        (Nat.PORT_RESTRICTED, False, True),
        (Nat.SYMMETRIC, False, False),
    ],
)
def test_what_an_endpoint_is_worth_behind_each_nat(nat: Nat, public: bool, fixed: bool) -> None:
    item = node("a", endpoint="a.example", nat=nat)
    assert (is_public(item), is_fixed(item)) == (public, fixed)
    assert not is_public(node("a", nat=nat))


@pytest.mark.parametrize(
    ("endpoints", "families", "expected"),
    [
        ((V4, V6), {4, 6}, V4),
        ((V4, V6), {6}, V6),
        ((V6, NAME), {4}, NAME),
        ((V6,), {4}, None),
        ((NAME,), set(), None),
    ],
)
def test_the_first_endpoint_in_a_common_family(
    endpoints: tuple[Endpoint, ...], families: set[int], expected: Endpoint | None
) -> None:
    assert endpoint_for(endpoints, frozenset(families)) == expected


def alive(a: NodeSpec, b: NodeSpec, override: LinkSpec | None = None) -> tuple[int | None, ...]:
    link = make_link(a, b, override, preshared_keys=True)
    assert link is not None
    return link.keepalive_a, link.keepalive_b


def test_keepalive_is_on_the_side_that_cannot_be_called() -> None:
    public, other = node("p", endpoint="p.example"), node("q", endpoint="q.example")
    hidden = node("h")
    assert alive(hidden, public) == (25, None)
    assert alive(public, hidden) == (None, 25)
    assert alive(public, other) == (None, None)


def test_a_filtered_node_keeps_the_way_to_a_public_one_open() -> None:
    fixed = node("f", endpoint="f.example", nat=Nat.PORT_RESTRICTED)
    public = node("p", endpoint="p.example")
    link = make_link(fixed, public, None, preshared_keys=True)
    assert link is not None
    assert (link.reason, link.to_a, link.keepalive_a) == (LinkReason.PUBLIC, None, 25)


def test_an_interval_for_one_link_is_used_by_whoever_can_start() -> None:
    public, other = node("p", endpoint="p.example"), node("q", endpoint="q.example")
    assert alive(public, other, LinkSpec("p", "q", keepalive=9)) == (9, 9)
    assert alive(public, node("h"), LinkSpec("p", "h", keepalive=0)) == (None, None)


def test_a_symmetric_nat_reaches_public_nodes_only() -> None:
    mobile = node("m", endpoint="m.example", nat=Nat.SYMMETRIC)
    fixed = node("f", endpoint="f.example", nat=Nat.RESTRICTED)
    assert directions(mobile, fixed) is None
    assert directions(mobile, node("p", endpoint="p.example")) is not None


def test_a_link_says_for_itself_whether_it_has_a_pre_shared_key() -> None:
    a, b = node("a", endpoint="a.example"), node("b", endpoint="b.example")
    for network in (True, False):
        for wanted in (True, False):
            override = LinkSpec("a", "b", preshared_key=wanted)
            link = make_link(a, b, override, preshared_keys=network)
            assert link is not None
            assert link.preshared is wanted


def test_seconds_that_were_given_for_a_node_are_kept_between_public_ends_too() -> None:
    """The network's own are for the side that cannot be called; the node's say what they say."""
    asked = node("p", endpoint="198.51.100.1", keepalive=7, keepalive_asked=True)
    other = node("q", endpoint="198.51.100.2", keepalive=25)
    assert alive(asked, other) == (7, None)
    assert alive(replace(asked, keepalive=0), other) == (None, None)
    assert alive(asked, node("h")) == (None, 25), "nobody can call that one"
