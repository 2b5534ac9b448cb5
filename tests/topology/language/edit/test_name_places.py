"""The places of a topology that name nodes."""

from __future__ import annotations

import pytest

from meshc.topology.language.edit.layout_tree import LayoutTree
from meshc.topology.language.edit.name_places import NAMING, name_places, word
from meshc.topology.language.schema import sections, value_kinds


def test_keys_lists_and_texts_are_found_and_nothing_else() -> None:
    text = (
        "nodes: {hub: {endpoint: hub, via: [a, b], dns: c}, via: {}}\n"
        "groups: {g: [d], h: {members: 'e, f', exit: x}}\n"
        "links: [{endpoints: [i, j], preshared_key: k}]\n"
        "tests: [{from: l, to: [m], via: n, expect: reachable}]\n"
        "lab: {nodes: {o: {latency: 1ms}}, sites: {p: {}}}\n"
    )
    found = {node.value for _, node in name_places(LayoutTree(text))}
    assert found == {*"abcdijlmnox", "e, f", "hub", "via"}


def test_every_key_of_the_language_that_takes_names_is_known() -> None:
    """A key whose values are read like those of these takes names as well."""
    kinds = [value_kinds.NAMES, value_kinds.EXIT, value_kinds.ENDS, value_kinds.DIRECT]
    kinds += [value_kinds.TEST_VIA, value_kinds.DNS]
    taking = {
        key
        for section in sections.SECTIONS.values()
        for key, field in section.fields.items()
        if any(field.kind is kind for kind in kinds)
    }
    assert taking
    assert taking <= NAMING


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("hub", "X"),
        ("a, hub,b", "a, X,b"),
        ("hub:lan", "X:lan"),
        ("'hub'", "'X'"),
        ("hub.demo.dev", "X.demo.dev"),
        ("hub.other.dev", "hub.other.dev"),
        ("hub-2, github, hub2", "hub-2, github, hub2"),
    ],
)
def test_a_name_is_a_whole_word(text: str, changed: str) -> None:
    assert word("hub", "demo.dev").sub("X", text) == changed
