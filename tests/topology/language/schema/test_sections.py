"""The sections of the language."""

from __future__ import annotations

import pytest

from meshc.topology.language.schema import sections


@pytest.mark.parametrize("section", sorted(sections.SECTIONS))
def test_what_comes_out_holds_just_the_keys_that_went_in(section: str) -> None:
    given = dict(sections.PLACEHOLDERS.get(section, {}))
    assert sections.SECTIONS[section].read(given) == (given, [])


@pytest.mark.parametrize("section", sorted(sections.SECTIONS))
def test_what_is_required_has_a_placeholder(section: str) -> None:
    required = {key for key, field in sections.SECTIONS[section].fields.items() if field.required}
    assert required == set(sections.PLACEHOLDERS.get(section, {}))


def test_the_keys_of_the_design_are_there() -> None:
    """The table of node keys that the language promises."""
    promised = [
        "role",
        "endpoint",
        "site",
        "lan_endpoint",
        "nat",
        "address",
        "routes",
        "masquerade",
        "exit_node",
        "exit",
        "via",
        "direct",
        "platform",
        "public_key",
        "private_key_file",
        "private_key_command",
        "managed",
        "listen_port",
        "mtu",
        "dns",
        "table",
        "fwmark",
        "keepalive",
        "always_on",
        "pre_up",
        "post_up",
        "pre_down",
        "post_down",
        "deploy",
    ]
    assert set(promised) <= set(sections.SECTIONS["node"].fields)
    assert set(sections.SECTIONS["network"].fields) == {
        "name", "addresses", "domain", "interface", "listen_port", "keepalive", "mtu", "dns",
        "preshared_keys", "firewall", "kill_switch", "agent",
    }  # fmt: skip
