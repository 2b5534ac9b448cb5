"""Prefixes as integers mean what the standard library's mean."""

from __future__ import annotations

from ipaddress import collapse_addresses, ip_interface, ip_network

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from meshc.errors import PrefixFormatError
from meshc.prefixes import BITS, InterfaceAddress, Prefix, address_text, collapse, mask, without


@st.composite
def prefixes(draw: st.DrawFn, family: int = 4) -> Prefix:
    """Near each other, so that they often overlap or join."""
    length = draw(st.integers(BITS[family] - 6, BITS[family]))
    base = 10 << 24 if family == 4 else 0xFD << 120
    value = base + draw(st.integers(0, 63))
    return Prefix(family, mask(family, value, length), length)


both = st.sampled_from([4, 6]).flatmap(lambda family: prefixes(family))


@given(both)
def test_text_and_back(prefix: Prefix) -> None:
    assert Prefix.parse(str(prefix)) == prefix
    assert prefix.network() == ip_network(str(prefix))
    assert prefix.address == str(prefix.network().network_address)
    assert address_text(prefix.family, prefix.last) == str(prefix.network().broadcast_address)


@given(both, both)
def test_contains_and_overlaps(one: Prefix, other: Prefix) -> None:
    first, second = one.network(), other.network()
    same = one.family == other.family
    assert one.overlaps(other) == (same and first.overlaps(second))
    assert one.contains(other) == (same and second.subnet_of(first))  # type: ignore[arg-type]


@given(st.lists(prefixes(), max_size=12))
def test_collapse(many: list[Prefix]) -> None:
    oracle = collapse_addresses(prefix.network() for prefix in many)
    assert [str(prefix) for prefix in collapse(many)] == [str(network) for network in oracle]


def test_host_bits_are_cleared_or_refused() -> None:
    assert str(Prefix.parse("10.44.0.1/24")) == "10.44.0.0/24"
    with pytest.raises(PrefixFormatError, match=r"host bits set; the prefix is 10\.44\.0\.0/24"):
        Prefix.parse("10.44.0.1/24", strict=True)


@pytest.mark.parametrize("text", ["", "10.0.0.0/33", "fd00::/129", "10.0.0/8", "x", "10.0.0.0/-1"])
def test_what_is_no_prefix(text: str) -> None:
    with pytest.raises(PrefixFormatError):
        Prefix.parse(text)


def test_an_interface_address_keeps_its_host_bits() -> None:
    address = InterfaceAddress.parse("10.44.0.7/24")
    assert str(address) == "10.44.0.7/24"
    assert str(address.network) == "10.44.0.0/24"
    assert address.host == Prefix.host("10.44.0.7")
    assert address.host.is_host


def test_families_do_not_mix() -> None:
    assert sorted([Prefix.parse("::/0"), Prefix.parse("10.0.0.0/8")])[0].family == 4
    assert not Prefix.parse("::/0").contains(Prefix.parse("10.0.0.0/8"))


@given(st.lists(prefixes(), max_size=4), st.lists(prefixes(), max_size=4))
def test_what_is_left_without_holes_is_every_other_address(
    some: list[Prefix], holes: list[Prefix]
) -> None:
    left = without(some, holes)
    for value in range(64):
        host = Prefix(4, (10 << 24) + value, 32)
        inside = any(p.contains(host) for p in some)
        cut = any(p.contains(host) for p in holes)
        assert any(p.contains(host) for p in left) == (inside and not cut)
    assert left == collapse(left)


@given(st.text("0123456789./", max_size=20) | st.from_regex(r"(\d{1,3}\.){3}\d{1,3}(/\d{1,3})?"))
def test_an_address_is_what_the_standard_library_takes_it_for(text: str) -> None:
    assume("." not in text.partition("/")[2])  # a netmask is no length here
    try:
        wanted = ip_interface(text.strip())
    except ValueError:
        with pytest.raises(PrefixFormatError):
            InterfaceAddress.parse(text)
        return
    found = InterfaceAddress.parse(text)
    assert found == (4, int(wanted.ip), wanted.network.prefixlen)
