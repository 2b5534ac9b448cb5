"""Texts that hook lines hand to iptables-restore and nft, whole."""

from __future__ import annotations

from meshc.topology.proof.hook_commands import steps
from meshc.topology.proof.loaded_rules import (
    LoadedText,
    is_load,
    loaded_texts,
    offers_choice,
    split_words,
)

RESTORE = "printf '%s\\n' '*filter' '-A X -j DROP' 'COMMIT' | iptables-restore -w --noflush"
NFT = "printf '%s\\n' 'table inet t {' '}' | nft -f -"
EITHER = f"if command -v iptables-restore >/dev/null; then {RESTORE}; else {NFT}; fi"


def test_a_text_is_what_printf_prints() -> None:
    assert [*loaded_texts(RESTORE)] == [LoadedText(4, ("*filter", "-A X -j DROP", "COMMIT"))]
    assert [*loaded_texts(NFT, nft=True)] == [LoadedText(0, ("table inet t {", "}"))]


def test_of_two_texts_a_node_loads_one() -> None:
    assert offers_choice(EITHER)
    assert [text.family for text in loaded_texts(EITHER)] == [4]
    assert [text.family for text in loaded_texts(EITHER, nft=True)] == [0]


def test_without_a_choice_every_node_loads_it() -> None:
    for line in (RESTORE, NFT):
        assert not offers_choice(line)
        assert [*loaded_texts(line)] == [*loaded_texts(line, nft=True)]


def test_what_throws_away_the_rules_of_others_is_no_such_text() -> None:
    assert not [*loaded_texts(RESTORE.replace(" --noflush", ""))]
    assert not [*loaded_texts(NFT.replace("-f -", "-f /etc/rules"))]
    (first, second) = steps(NFT)
    assert is_load(second, first)
    assert not is_load(second, None)


def test_what_the_node_looks_up_is_one_word() -> None:
    assert split_words("-o $(ip route | sed 's/(x)//') -j ACCEPT") == [
        "-o",
        "$(ip route | sed 's/(x)//')",
        "-j",
        "ACCEPT",
    ]
