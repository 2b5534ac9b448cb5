"""Where a key of a node comes from, and groups that disagree."""

from __future__ import annotations

import pytest

from meshc.diagnostics import Diagnostics
from meshc.topology.language.load import load_spec

HEAD = "meshc: 1\nnetwork: {name: demo, addresses: 10.44.0.0/24}\n"
TEXT = (
    HEAD
    + """\
defaults: {keepalive: 7}
sites: {home: {nat: full_cone, dns: 1.1.1.1}}
groups:
  g: {members: [a], mtu: 1400, post_up: [one, two]}
nodes:
  a: {site: home, table: off}
"""
)


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("", (8, 3)), ("table", (8, 26)), ("mtu", (6, 26)), ("post_up[1]", (6, 47)),
        ("nat", (4, 21)), ("dns", (4, 37)), ("keepalive", (3, 23)), ("fwmark", (8, 3)),
    ],
)  # fmt: skip
def test_places_of_inherited_keys(key: str, place: tuple[int, int]) -> None:
    spec = load_spec(TEXT, file="f", diagnostics=Diagnostics())
    assert spec is not None
    at = spec.nodes["a"].at(key)
    assert at is not None
    assert (at.line, at.column) == place


def test_the_mapping_of_places_lists_the_keys_that_are_given() -> None:
    spec = load_spec(TEXT, file="f", diagnostics=Diagnostics())
    assert spec is not None
    locations = spec.nodes["a"].locations
    assert set(locations) == {"", "site", "table", "mtu", "post_up", "nat", "dns", "keepalive"}
    assert len(locations) == len(dict(locations)) == 8
    network = spec.network.locations
    assert set(network) == {"", "name", "addresses"}
    assert len(network) == 3
    with pytest.raises(KeyError):
        network["mtu"]


@pytest.mark.parametrize(
    ("own", "one", "other", "codes"),
    [
        ("", "mtu: 1400", "mtu: 1300", ["E133"]),
        ("", "mtu: 1400", "mtu: 1400", []),
        ("mtu: 1200", "mtu: 1400", "mtu: 1300", []),
        ("", "mtu: 1400", "table: off", []),
        ("", "dns: [1.1.1.1]", "dns: 1.1.1.1", []),
    ],
)
def test_groups_that_disagree(own: str, one: str, other: str, codes: list[str]) -> None:
    text = (
        f"{HEAD}nodes: {{a: {{{own}}}, b: {{{own}}}}}\n"
        f"groups: {{x: {{members: [a, b], {one}}}, y: {{members: [a, b], {other}}}}}\n"
    )
    diagnostics = Diagnostics()
    load_spec(text, file="f", diagnostics=diagnostics)
    assert [found.code for found in diagnostics] == codes, "once, not once for each member"
