"""Which routes AllowedIPs make, and the numbers of tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.errors import NodeError
from meshc.node.system.route import main_routes, table_number
from meshc.prefixes import InterfaceAddress, Prefix


def routes(allowed: str, addresses: str = "") -> list[str]:
    prefixes = [Prefix.parse(item) for item in allowed.split()]
    own = [InterfaceAddress.parse(item) for item in addresses.split()]
    return [str(prefix) for prefix in main_routes(prefixes, own)]


def test_longest_first_and_once() -> None:
    assert routes("10.0.0.0/8 10.1.0.0/16 10.0.0.0/8") == ["10.1.0.0/16", "10.0.0.0/8"]


@pytest.mark.parametrize(
    ("allowed", "addresses", "expected"),
    [
        ("10.44.0.2/32", "10.44.0.1/24", []),
        ("10.44.0.0/23", "10.44.0.1/24", ["10.44.0.0/23"]),
        ("10.44.0.1/32", "10.44.0.1/32", ["10.44.0.1/32"]),
        ("fd44::1/128", "fd44::1/128", []),
        ("fd44::2/128", "10.44.0.1/0", ["fd44::2/128"]),
        ("0.0.0.0/0 ::/0", "", []),
    ],
)
def test_the_interface_covers_its_networks(
    allowed: str, addresses: str, expected: list[str]
) -> None:
    assert routes(allowed, addresses) == expected


@given(
    st.lists(st.tuples(st.integers(0, 15), st.integers(1, 4))),
    st.lists(st.tuples(st.integers(0, 15), st.integers(1, 4))),
)
def test_every_allowed_address_is_routed(
    allowed: list[tuple[int, int]], own: list[tuple[int, int]]
) -> None:
    """In a world of sixteen addresses: routed by a route of ours, or by a connected one."""
    prefixes = [
        Prefix(4, (value >> (4 - length) << (4 - length)) << 28, length)
        for value, length in allowed
    ]
    addresses = [InterfaceAddress(4, value << 28, length) for value, length in own]
    found = main_routes(prefixes, addresses)
    for value in range(16):
        host = Prefix(4, value << 28, 32)
        wanted = any(prefix.contains(host) for prefix in prefixes)
        ours = any(prefix.contains(host) for prefix in found)
        connected = any(address.network.contains(host) for address in addresses)
        assert not ours or wanted
        assert not wanted or ours or connected


def test_tables_by_number_and_name() -> None:
    assert [table_number(text) for text in ("51820", "0x10", "main", "local")] == [
        51820,
        16,
        254,
        255,
    ]


@pytest.mark.parametrize("text", ["", "-1", "4294967296", "nonsense", "1; reboot", "unspec"])
def test_what_is_no_table(text: str) -> None:
    with pytest.raises(NodeError, match="neither a number nor a name"):
        table_number(text)
