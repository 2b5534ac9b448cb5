"""Rules that stand in comments of a file and that a hook line loads as a whole: `sed` prints the
text of one program, and iptables-restore or nft reads it.

A file may hold a text for each of two tools, of which the node takes one: `if command -v TOOL`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from meshc.topology.proof.hook_commands import HookStep, steps

RESTORES = {"iptables-restore": 4, "ip6tables-restore": 6}
_FILE = "$CONFIG_FILE"
_ASKS = ("command", "-v", "iptables-restore", ">", "/dev/null")
_SCRIPT = re.compile(
    r"/\^\.(?P<mark>\w+) /\{s///;s/\[%\]i/%i/g;(?P<words>(?:s/@\w+@/\$\(.*?\)/g;)*)p\}"
)
_WORD = re.compile(r"s/(@\w+@)/(\$\(.*?\))/g;")
_COUNTED = re.compile(
    r"\[ \"\$\(grep -c (?P<marks>(?:-e '\^\.\w+ ' )+)\"\$CONFIG_FILE\"\)\" = (?P<count>\d+) \]"
    r" \|\| \{ echo '[^']*' >&2 && false; \}"
)


class LoadedText(NamedTuple):
    """The input of one program, a line an item. `family` is 0 for nft, which loads both. `nft` says
    whether only nodes without iptables load it; None when all do."""

    family: int
    lines: tuple[str, ...]
    nft: bool | None = None

    def taken(self, *, nft: bool) -> bool:
        """Whether a node loads it; `nft` for one that has nft and no iptables."""
        return self.nft is None or self.nft is nft


class _Load(NamedTuple):
    family: int
    mark: str
    words: tuple[tuple[str, str], ...]
    nft: bool | None


def loaded_text(line: str, comments: Sequence[str]) -> LoadedText | None:
    """The text that a line loads from the comments of its file; None for any other line."""
    load = _read(line)
    if load is None:
        return None
    start = len(load.mark)
    lines = [comment[start:] for comment in comments if comment.startswith(load.mark)]
    for place, word in load.words:
        lines = [one.replace(place, word) for one in lines]
    return LoadedText(load.family, tuple(lines), load.nft)


def is_load(line: str) -> bool:
    """Whether a line loads such a text."""
    return _read(line) is not None


def leaves_choice(line: str) -> bool:
    """Whether a node without iptables does otherwise than one with it."""
    load = _read(line)
    return load is not None and load.nft is not None


@lru_cache(maxsize=256)
def _read(line: str) -> _Load | None:
    if _FILE not in line:
        return None
    found = [*steps(line)]
    nft = None
    if found and found[0].words == _ASKS and found[-1].words == ("fi",):
        found, nft = found[1:-1], line.startswith("if ! ")
    if len(found) != 2 or found[0].after != "|":
        return None
    script = _script(found[0].words)
    family = _family(found[1])
    if script is None or family is None:
        return None
    return _Load(family, f"#{script['mark']} ", tuple(_WORD.findall(script["words"])), nft)


def lacks_comments(line: str, comments: Sequence[str]) -> bool:
    """Whether a line that counts the comments counts other than it wants."""
    counts = _COUNTED.fullmatch(line)
    if counts is None:
        return False
    marks = tuple(f"#{mark} " for mark in re.findall(r"\w+(?= ')", counts["marks"]))
    return sum(comment.startswith(marks) for comment in comments) != int(counts["count"])


def _script(words: Sequence[str]) -> re.Match[str] | None:
    if len(words) != 4 or words[:2] != ("sed", "-n") or words[3] != _FILE:
        return None
    return _SCRIPT.fullmatch(words[2])


def _family(step: HookStep) -> int | None:
    name = step.words[0].rpartition("/")[2]
    if name == "nft":
        return 0 if step.words[1:] == ("-f", "-") else None
    keeps = {"-n", "--noflush"} & {*step.words}
    return RESTORES.get(name) if keeps else None


def split_words(line: str) -> list[str]:
    """The words of one line of such a text; what the node looks up, `$(...)`, is one word."""
    if "$(" not in line:
        return [*filter(None, line.split(" "))]
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
