"""Texts in comments of a file that hook lines hand to iptables-restore and nft, whole."""

from __future__ import annotations

import pytest

from meshc.topology.proof.loaded_rules import (
    LoadedText,
    lacks_comments,
    loaded_text,
    split_words,
)

FILE = '"$CONFIG_FILE"'
COMMENTS = (
    "#iptables *filter",
    "#iptables -A X -i %i -o @wan4@ -j DROP",
    "#nft table inet t {",
    "#nft }",
)
RESTORE = (
    "sed -n '/^.iptables /{s///;s/[%]i/%i/g;s/@wan4@/'\"$(ip route | sed 1q)\"'/g;p}' "
    f"{FILE} | iptables-restore -w --noflush"
)
NFT = f"sed -n '/^.nft /{{s///;s/[%]i/%i/g;p}}' {FILE} | nft -f -"


def test_a_text_is_what_sed_prints() -> None:
    assert loaded_text(RESTORE, COMMENTS) == LoadedText(
        4, ("*filter", "-A X -i %i -o $(ip route | sed 1q) -j DROP")
    )
    assert loaded_text(NFT, COMMENTS) == LoadedText(0, ("table inet t {", "}"))


@pytest.mark.parametrize("no", ["", "! "])
def test_of_two_texts_a_node_loads_one(no: str) -> None:
    line = f"if {no}command -v iptables-restore >/dev/null; then {NFT}; fi"
    text = loaded_text(line, COMMENTS)
    assert text is not None
    assert text.taken(nft=True) is bool(no)
    assert text.taken(nft=False) is not bool(no)


def test_without_a_choice_every_node_loads_it() -> None:
    text = loaded_text(NFT, COMMENTS)
    assert text is not None
    assert text.taken(nft=True)
    assert text.taken(nft=False)


@pytest.mark.parametrize(
    "line",
    [
        RESTORE.replace(" --noflush", ""),
        NFT.replace("-f -", "-f /etc/rules"),
        NFT.replace(FILE, "/etc/rules"),
        NFT.replace("s///;", "s/drop/accept/;"),
        NFT.replace("sed -n", "sed"),
        f"if true; then {NFT}; fi",
        f"{NFT} || true",
        f"true && {NFT}",
    ],
)
def test_any_other_line_loads_nothing_that_the_proof_knows(line: str) -> None:
    assert loaded_text(line, COMMENTS) is None


def test_a_line_that_counts_the_comments_fails_when_one_is_gone() -> None:
    line = (
        f"[ \"$(grep -c -e '^.iptables ' -e '^.nft ' {FILE})\" = 4 ]"
        " || { echo 'they are gone' >&2 && false; }"
    )
    assert not lacks_comments(line, COMMENTS)
    assert lacks_comments(line, COMMENTS[1:])
    assert lacks_comments(line, (*COMMENTS, "#nft "))
    assert not lacks_comments(line, (*COMMENTS, "#ip6tables COMMIT"))
    assert not lacks_comments("true", ())


def test_what_the_node_looks_up_is_one_word() -> None:
    assert split_words("-o $(ip route | sed 's/(x)//') -j ACCEPT") == [
        "-o",
        "$(ip route | sed 's/(x)//')",
        "-j",
        "ACCEPT",
    ]
