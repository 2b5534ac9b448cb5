"""What the role and the platform of a node allow."""

from __future__ import annotations

import pytest

from tests.support.language_codes import codes


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
