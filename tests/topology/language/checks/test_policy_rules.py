"""Rules that say nothing, and nodes that nobody holds to them. The texts: `tests/errors`."""

from __future__ import annotations

import pytest

from meshc.diagnostics import Diagnostics
from meshc.topology.language.load import load_spec

HEAD = """
meshc: 1
network: {name: n, addresses: 10.44.0.0/24}
nodes:
  hub: {role: relay, endpoint: 198.51.100.1, exit_node: true}
  a: {deploy: {host: 10.44.0.5}, address: 10.44.0.5}
  b: {exit: hub}
"""


def codes(rules: str) -> set[str]:
    found = Diagnostics()
    load_spec(HEAD + f"policies: [{rules}]", file="f", diagnostics=found)
    return {item.code for item in found if item.code[1:3] == "17"}


FINE = "{from: b, to: internet}, {from: hub, to: a, allow: tcp/22}"


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        (FINE, ""),
        (FINE + ", {from: a, to: b, except: b}", "W172"),
        (FINE + ", {from: hub, to: a, allow: tcp/20-30}", "W173"),
        (FINE + ", {from: hub, to: a, allow: tcp/22}", "W173"),
        ("{from: hub, to: a, allow: tcp/22}, {from: b, to: hub}", "W176"),
        ("{from: b, to: internet}, {from: hub, to: a, allow: tcp/2222}", "W177"),
    ],
)
def test_a_finding_where_something_is_wrong(rules: str, code: str) -> None:
    assert codes(rules) == ({code} if code else set())
