"""The tables of address ranges, against the standard library's."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.diagnostics import Diagnostics
from meshc.topology.language.checks.endpoints import DOCUMENTATION, NOWHERE, PRIVATE
from meshc.topology.language.load import load_spec

REGISTRIES = (PRIVATE, DOCUMENTATION, NOWHERE)


@given(st.ip_addresses())
def test_no_address_that_the_internet_routes_is_in_a_table(
    address: IPv4Address | IPv6Address,
) -> None:
    listed = any(address in network for table in REGISTRIES for network in table)
    if address.is_global and not address.is_multicast:
        assert not listed


def test_the_tables_do_not_overlap() -> None:
    networks = [network for table in REGISTRIES for network in table]
    for number, one in enumerate(networks):
        for other in networks[number + 1 :]:
            assert one.version != other.version or not one.overlaps(other)


@pytest.mark.parametrize(
    ("endpoint", "codes"),
    [
        ("8.8.8.8", []),
        ("[2a00::1]:51820", []),
        ("vpn.demo-vpn.net", []),
        ("vpn.example.com", ["I144"]),
        ("example.org", ["I144"]),
        ("notexample.org", []),
        ("a.test", ["I144"]),
        ("10.0.0.1", ["W142"]),
        ("172.32.0.1", []),
        ("100.127.255.255", ["W142"]),
        ("203.0.113.9", ["W143"]),
        ("[3fff::1]", ["W143"]),
        ("[::1]:5", ["E141"]),
        ("[::ffff:10.0.0.1]", []),
    ],
)
def test_findings(endpoint: str, codes: list[str]) -> None:
    text = (
        "meshc: 1\nnetwork: {name: a, addresses: 10.44.0.0/24}\n"
        f'nodes: {{n: {{endpoint: "{endpoint}", underlay: "ipv4, ipv6"}}}}\n'
    )
    diagnostics = Diagnostics()
    load_spec(text, file="f", diagnostics=diagnostics)
    assert [found.code for found in diagnostics] == codes
