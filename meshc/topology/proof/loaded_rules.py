"""Rules that a hook line loads as a whole: texts that `printf` hands to iptables-restore or to nft.

A line may hold a text for each of two tools, of which the node runs one: `if command -v TOOL`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from meshc.topology.proof.hook_commands import HookStep, steps

RESTORES = {"iptables-restore": 4, "ip6tables-restore": 6}
_LINES = ("printf", "%s\\n")


class LoadedText(NamedTuple):
    """The input of one program, a line an item. `family` is 0 for nft, which loads both."""

    family: int
    lines: tuple[str, ...]


def loaded_texts(line: str, *, nft: bool = False) -> Iterator[LoadedText]:
    """The texts that a line loads; `nft` on a node that has nft and no iptables."""
    found = [*_texts(line)]
    choice = len({bool(text.family) for text in found}) > 1
    for text in found:
        if not choice or bool(text.family) is not nft:
            yield text


def offers_choice(line: str) -> bool:
    """Whether the node takes one of two texts."""
    return len({bool(text.family) for text in _texts(line)}) > 1


def is_load(step: HookStep, previous: HookStep | None) -> bool:
    """Whether a step is fed with such a text."""
    fed = previous is not None and previous.words[:2] == _LINES and previous.after == "|"
    return fed and _family(step) is not None


def _texts(line: str) -> Iterator[LoadedText]:
    if "%s\\n" not in line:
        return
    previous: HookStep | None = None
    for step in steps(line):
        if previous is not None and is_load(step, previous):
            family = _family(step)
            assert family is not None, "it is a load"
            yield LoadedText(family, previous.words[2:])
        previous = step


def _family(step: HookStep) -> int | None:
    name = step.words[0].rpartition("/")[2]
    if name == "nft":
        return 0 if step.words[1:] == ("-f", "-") else None
    keeps = {"-n", "--noflush"} & {*step.words}
    return RESTORES.get(name) if keeps else None


def split_words(line: str) -> list[str]:
    """The words of one line of such a text; what the node looks up, `$(...)`, is one word."""
    words: list[str] = []
    word, depth = "", 0
    for char in line:
        if char == " " and not depth:
            if word:
                words.append(word)
            word = ""
            continue
        if char == "(" and (depth or word.endswith("$")):
            depth += 1
        elif char == ")" and depth:
            depth -= 1
        word += char
    return [*words, word] if word else words
