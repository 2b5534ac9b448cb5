"""Words that other tools use for a key, and what the key is called here."""

from __future__ import annotations

import re

import pytest

from meshc.topology.language.read import foreign_words
from meshc.topology.language.read.document import TOP
from meshc.topology.language.read.foreign_words import foreign_word
from meshc.topology.language.schema import sections


def known_keys(section: str) -> set[str]:
    return set(sections.SECTIONS[section].fields) if section else set(TOP)


@pytest.mark.parametrize("section", ["network", "node", ""])
def test_no_word_hides_a_key_that_there_is(section: str) -> None:
    folded = {key.replace("_", "") for key in known_keys(section)}
    assert not folded & set(foreign_words._OF_SECTION[section])


def test_every_key_that_a_hint_names_is_one() -> None:
    everywhere = set.union(*(known_keys(section) for section in ("network", "node", "")))
    hints = {
        hint
        for words in (foreign_words._ANYWHERE, *foreign_words._OF_SECTION.values())
        for hint in words.values()
    }
    named = {
        word
        for hint in hints
        for quoted in re.findall(r"`([^`]+)`", hint)
        for word in re.findall(r"([a-z_]+):", quoted) or re.findall(r"^[a-z_]+$", quoted)
    }
    assert named
    assert named - {"from", "to", "host", "user", "android"} <= everywhere


@pytest.mark.parametrize(
    ("key", "section", "names"),
    [
        ("pool", "network", "`addresses"),
        ("relay", "node", "`role: relay`"),
        ("is-relay", "group", "`role: relay`"),
        ("LANs", "node", "`routes`"),
        ("AllowedIPs", "node", "`routes`"),
        ("advertise_routes", "site", "`routes`"),
        ("acls", "", "`policies:`"),
        ("peers", "", "`nodes:`"),
    ],
)
def test_a_word_of_another_tool_is_met_by_ours(key: str, section: str, names: str) -> None:
    assert names in foreign_word(key, section)


def test_what_nobody_calls_a_key_is_left_to_the_closest_spelling() -> None:
    assert foreign_word("listen-port", "node") == ""
    assert foreign_word("relay", "link") == ""
