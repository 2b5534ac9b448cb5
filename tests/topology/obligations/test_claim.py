"""A test is about nodes, by name, by address or by prefix, or about hosts beyond them."""

from __future__ import annotations

import pytest

from meshc.prefixes import Prefix
from meshc.topology.language.spec import Expect, TestSpec
from meshc.topology.obligations.claim import Claim, ClaimEnd, read_claims

ADDRESSES = {
    "a": (Prefix.parse("10.1.0.1"), Prefix.parse("fd00::1")),
    "b": (Prefix.parse("10.1.0.2"), Prefix.parse("fd00::2")),
}


def claim(*ends: tuple[str, ...], expect: Expect = Expect.REACHABLE) -> Claim:
    sources, targets = ends
    (made,) = read_claims(
        [TestSpec(sources, targets, expect)],
        addresses=ADDRESSES,
        pools=(Prefix.parse("10.1.0.0/24"), Prefix.parse("fd00::/64")),
        routes=[Prefix.parse("192.168.7.0/24")],
    )
    return made


def target(*written: str) -> ClaimEnd:
    return claim(("a",), written).targets


def test_a_name_is_a_node_in_every_family() -> None:
    assert target("b").nodes(4) == target("b").nodes(6) == ("b",)


def test_an_address_is_its_node_in_one_family() -> None:
    assert target("10.1.0.2/32").nodes(4) == ("b",)
    assert target("10.1.0.2/32").nodes(6) == ()
    assert not target("10.1.0.2/32").prefixes


def test_a_prefix_of_the_pool_is_the_nodes_in_it() -> None:
    assert target("10.1.0.0/24").nodes(4) == ("a", "b")
    assert not target("10.1.0.0/24").prefixes


def test_a_prefix_around_the_pool_is_its_nodes_and_the_rest() -> None:
    wide = target("10.0.0.0/8")
    assert wide.nodes(4) == ("a", "b")
    assert wide.prefixes == (Prefix.parse("10.0.0.0/8"),)


@pytest.mark.parametrize("written", ["10.1.0.77/32", "10.1.0.128/25", "fd00::77/128"])
def test_an_address_of_the_pool_that_nobody_has_is_nobody(written: str) -> None:
    assert target(written).nobody == (written,)
    assert target(written).empty


def test_a_packet_may_go_anywhere_but_comes_from_a_lan_only() -> None:
    assert target("192.0.2.1/32").holds(Prefix.parse("192.0.2.1"))
    assert claim(("192.0.2.1/32",), ("b",)).sources.nobody == ("192.0.2.1/32",)
    assert claim(("192.168.7.9/32",), ("b",)).sources.holds(Prefix.parse("192.168.7.9"))


def test_who_comes_twice_is_meant_once() -> None:
    assert target("b", "10.1.0.0/24").nodes(4) == ("b", "a")


def test_what_nothing_may_arrive_of_is_apart() -> None:
    assert claim(("a",), ("b",), expect=Expect.UNREACHABLE).apart
    assert not claim(("a",), ("b",)).apart
