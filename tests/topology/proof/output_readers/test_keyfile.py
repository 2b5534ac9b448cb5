"""The keyfile of NetworkManager as the proof reads it, with one planted fault each."""

from __future__ import annotations

import pytest

from tests.support.outputs import BuiltOutputs

OTHER_KEY = "6LEQ/jz6xODHJhx+RpJ0mSFAnNr7AK+AefSqzrKVf0w="
FILE = "networkmanager/wg0.nmconnection"
# pattern, what stands in its place, what is said
FAULTS = {
    "another private key": (r"private-key=\S+", f"private-key={OTHER_KEY}",
        "have another private key"),
    "a private key that is asked for": ("mtu=1420", "mtu=1420\nprivate-key-flags=2",
        "lack the private key"),
    "another PSK": (r"preshared-key=\S+", f"preshared-key={OTHER_KEY}",
        "have another pre-shared key for hub"),
    "a PSK that nobody saves": ("preshared-key-flags=0", "preshared-key-flags=4",
        "have another pre-shared key for hub"),
    "no keepalive": ("persistent-keepalive=25\n", "", "keep hub alive by 0 seconds, not 25"),
    "another endpoint": ("endpoint=9.9.9.9:51820", "endpoint=9.9.9.8:51820",
        "have 9.9.9.8:51820 for hub, not 9.9.9.9:51820"),
    "fewer AllowedIPs": ("::/0;", "", "lack the prefix of hub, ::/0"),
    "no MTU": ("mtu=1420", "mtu=0", "make no routes, as the MTU is 0"),
    "no routes": ("peer-routes=true", "peer-routes=false", "lack the route ::/0"),
    "a default route for everything": ("ip4-auto-default-route=1", "ip4-auto-default-route=0",
        "lack the route 0.0.0.0/0 past WireGuard's packets"),
    "a table": ("method=manual", "method=manual\nroute-table=12",
        "have the route 0.0.0.0/0 in table 12 beside"),
    "a wider address": ("address1=10.44.0.15/32", "address1=10.44.0.15/24",
        "have the address 10.44.0.15/24 beside"),
    "no address": ("method=manual", "method=disabled", "have the method disabled in [ipv4]"),
    "no name server": ("dns=10.44.0.1;\n", "", "lack the name server 10.44.0.1"),
    "no search domain": ("~;field.dev;", "~;", "lack the search domain field.dev"),
    "names for others": ("dns-priority=-50", "dns-priority=50",
        "leave names to other servers than those of the tunnel"),
    "never up": ("type=wireguard", "type=wireguard\nautoconnect=false", "autoconnect is off"),
    "another interface": ("interface-name=wg0", "interface-name=wg1",
        "make the interface wg1, not wg0"),
    "not WireGuard": ("type=wireguard", "type=tun", "its type is not wireguard"),
    "an unknown peer": (r"wireguard-peer\.\S+]", f"wireguard-peer.{OTHER_KEY}]",
        "have an unknown key as a peer beside"),
    "no prefix": ("address1=10.44.0.15/32", "address1=here", "this is no address"),
    "twice": (r"\[ipv6\]", "[ipv4]", "a section stands there twice"),
}  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> BuiltOutputs:
    return BuiltOutputs(tmp_path_factory.mktemp("outputs"))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(built: BuiltOutputs, fault: str) -> None:
    pattern, instead, expected = FAULTS[fault]
    said = built.planted("laptop", FILE, pattern, instead)
    assert any(expected in line for line in said), said
    assert all(line.startswith("E456 laptop: its files for networkmanager ") for line in said)
    assert all(OTHER_KEY not in line for line in said)


def test_a_mark_that_nobody_asked_for_is_found(built: BuiltOutputs) -> None:
    said = built.planted("desk", FILE, "mtu=1420", "mtu=1420\nfwmark=0x51")
    assert said == ["E456 desk: its files for networkmanager have 81 for the mark, not nothing"]


def test_what_nobody_knows_is_told(built: BuiltOutputs) -> None:
    said = built.planted("desk", FILE, "method=manual", "method=manual\nnever-default=true")
    assert said == [
        "W458 desk: nothing is claimed about wg0.nmconnection: never-default in line 24"
    ]
    said = built.planted("desk", FILE, r"\[ipv4\]", "[vpn]\na=b\n[ipv4]")
    assert said == [
        "W458 desk: nothing is claimed about wg0.nmconnection: section [vpn] in line 21"
    ]


def test_a_missing_keyfile_is_found(built: BuiltOutputs) -> None:
    assert built.without("desk", FILE) == [
        "E456 desk: its files for networkmanager cannot be used: there are no such files"
    ]
