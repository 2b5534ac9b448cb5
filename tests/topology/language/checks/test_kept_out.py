"""Exceptions that say nothing, or leave nothing for the exit."""

from __future__ import annotations

import pytest

from tests.support.language_codes import codes

HUB = "hub: {role: relay, endpoint: h.net, exit_node: true}"
SITES = "sites: {home: {lan: 192.168.1.0/24}, street: {}}\n"


@pytest.mark.parametrize(
    ("node", "found"),
    [
        ("exit: hub, exit_except: [private, own_lan], site: home", []),
        ("exit: hub, exit_except: [10.0.0.9/8]", ["W140"]),
        ("exit: hub, exit_except: own_lan", ["W147"]),
        ("exit: hub, exit_except: own_lan, site: street", ["W147"]),
        ("exit: hub, exit_except: [0.0.0.0/0, '::/0']", ["E169"]),
        ("exit: hub, exit_except: [0.0.0.0/1, 128.0.0.0/1]", []),
        ("exit: hub, exit_except: privat", ["E113"]),
        ("exit: hub, exit_except: 10.0.0.0/33", ["E117"]),
        ("exit_except: private", ["W147"]),
        ("exit: none, exit_except: private", []),
        ("exit: hbu, exit_except: private", ["E130"]),
    ],
)
def test_exceptions(node: str, found: list[str]) -> None:
    told = codes(f"a: {{{node}}}, {HUB}", more=SITES)
    assert [code for code in told if code != "I151"] == found


def test_a_word_for_many_is_told_once() -> None:
    more = "defaults: {exit: hub, exit_except: own_lan}\n"
    assert codes(f"a: {{}}, b: {{}}, {HUB}", more=more) == ["W147"]
