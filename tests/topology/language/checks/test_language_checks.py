"""The rules that need no graph: what they do not complain about."""

from __future__ import annotations

import pytest

from meshc.diagnostics import Diagnostics
from meshc.topology.language.load import load_spec

HEAD = "meshc: 1\nnetwork: {name: demo, addresses: %s}\n"


def codes(nodes: str, *, pools: str = "10.44.0.0/24", more: str = "") -> list[str]:
    diagnostics = Diagnostics()
    text = HEAD % pools + more + f"nodes: {{{nodes}}}\n"
    load_spec(text, file="f", diagnostics=diagnostics)
    return [found.code for found in diagnostics]


@pytest.mark.parametrize(
    "pool", ["10.0.0.0/8", "172.20.0.0/16", "192.168.4.0/24", "100.64.0.0/10", '"fd12::/48"']
)
def test_private_pools_are_fine(pool: str) -> None:
    assert codes("a: {}", pools=pool) == []


@pytest.mark.parametrize("pool", ["9.0.0.0/8", "10.0.0.0/7", '"2a00::/48"', '"2001:db8::/64"'])
def test_public_pools_are_not(pool: str) -> None:
    assert set(codes("a: {}", pools=pool)) == {"W154"}


@pytest.mark.parametrize(
    ("mtu", "found"),
    [(1280, []), (1279, ["W150"]), (1440, []), (1441, ["W150"]), ("auto", []), (576, ["W150"])],
)
def test_mtu_bounds(mtu: object, found: list[str]) -> None:
    assert codes(f"a: {{mtu: {mtu}}}", pools='[10.44.0.0/24, "fd44::/64"]') == found


def test_a_small_mtu_is_fine_without_ipv6() -> None:
    assert codes("a: {mtu: 1000}") == []


def test_a_line_that_many_nodes_inherit_is_mentioned_once() -> None:
    assert codes("a: {}, b: {}, c: {}", more="defaults: {mtu: 1500}\n") == ["W150"]


@pytest.mark.parametrize(
    ("node", "found"),
    [
        ("role: relay", ["W145"]),
        ("role: relay, site: s, lan_endpoint: 192.168.1.2", []),
        ("role: relay, endpoint: a.net", []),
        ("role: relay, endpoint: '::1'", ["E118"]),
        ("exit_node: true", ["W146"]),
        ("masquerade: false", ["W147"]),
        ("masquerade: false, routes: 192.168.1.0/24", []),
        ("platform: android, dns: 1.1.1.1", []),
        ("platform: macos, post_up: x", ["W147"]),
        ("platform: openwrt, role: relay, endpoint: a.net", []),
        ("platform: routeros, private_key_command: x", ["E148"]),
        ("managed: false", ["E156"]),
        ("managed: false, public_key: bad", ["E119"]),
    ],
)
def test_roles(node: str, found: list[str]) -> None:
    assert codes(f"a: {{{node}}}, z: {{site: s}}", more="sites: {s: {}}\n") == found


def test_hooks_from_defaults_are_not_held_against_phones() -> None:
    more = "defaults: {post_up: echo}\n"
    assert codes("a: {platform: ios}, b: {}", more=more) == []


def test_the_second_use_of_a_key_is_the_mistake() -> None:
    key = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="
    diagnostics = Diagnostics()
    text = HEAD % "10.44.0.0/24" + (
        f"nodes:\n  z: {{public_key: {key}}}\n  a: {{public_key: {key}}}\n"
    )
    load_spec(text, file="f", diagnostics=diagnostics)
    (found,) = diagnostics
    assert found.path == "nodes.a.public_key"
