"""The commands of hook lines, as far as the proof needs them: which ones would bash run?

Not a shell: words are not expanded. A word that bash would compute (`$(...)`, `$WAN`) is kept as
text that starts with `$`, which no rule mistakes for the tunnel's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

_TOKEN = re.compile(
    r"""
      (?P<space>[ \t]+)
    | (?P<split>\|\||&&|;;|[;|&\n])
    | (?P<redirect>[0-9]?(?:>>|>|<<|<)&?)
    | (?P<single>'[^']*')
    | (?P<double>"(?:\\.|[^"\\])*")
    | (?P<computed>\$\{[^}]*\}|\$[A-Za-z_0-9]+)
    | (?P<escape>\\.)
    | (?P<plain>.)
    """,
    re.VERBOSE | re.DOTALL,
)
# Most lines of a rule set have none of these: they are words and nothing else.
_SPECIAL = re.compile(r"""[|&;<>'"$\\\n]""")
_BLANKS = re.compile(r"[ \t]+")
# `[ -n "$x" ] || iptables ...`: what comes after these words is a command again
_ASKS = frozenset(("if", "elif", "while", "until", "!"))
_PREFIXES = _ASKS | {"sudo", "then", "do", "else", "{", "(", "time", "exec"}


class HookStep(NamedTuple):
    """One simple command of a hook line: its words, and what joins it to its neighbours.
    `asked` when its failure is an answer and no failure of the line (`if`, `!`, `while`)."""

    words: tuple[str, ...]
    before: str = ""
    after: str = ""
    asked: bool = False

    @property
    def may_not_fail(self) -> bool:
        """Whether wg-quick, which runs hooks under `set -e`, gives up when this fails."""
        return not self.asked and {self.before, self.after} <= {"", ";", "\n"}


def commands(line: str) -> Iterator[tuple[str, ...]]:
    """Each simple command of a line as its words; redirections appear as `>` and the file."""
    return (step.words for step in steps(line))


def steps(line: str) -> Iterator[HookStep]:
    """Each simple command of a line with its place in it."""
    yield from _steps(line)


@lru_cache(maxsize=256)
def _steps(line: str) -> tuple[HookStep, ...]:
    """Every reader of a file asks for its lines anew."""
    found: list[HookStep] = []
    before = ""
    for words, after in _split(line):
        bare = words
        while bare and bare[0] in _PREFIXES:
            bare = bare[1:]
        if bare:
            asked = not _ASKS.isdisjoint(words[: len(words) - len(bare)])
            found.append(HookStep(tuple(bare), before, after, asked))
        before = after
    return tuple(found)


def _split(line: str) -> Iterator[tuple[list[str], str]]:
    """The words of each command, and what stands behind them: `;`, `&&`, `|` or nothing."""
    if _SPECIAL.search(line) is None:
        yield [word for word in _BLANKS.split(line) if word], ""
        return
    words: list[str] = []
    word: str | None = None
    at = 0
    while at < len(line):
        if line.startswith("$(", at):
            end = _closing(line, at + 1)
            word = (word or "") + line[at:end]
            at = end
            continue
        if line.startswith('"', at) and "$(" in line[at:]:
            end = _quoted(line, at)
            word = (word or "") + line[at + 1 : end - 1]
            at = end
            continue
        match = _TOKEN.match(line, at)
        assert match is not None, "the last alternative takes any character"
        kind, text = match.lastgroup, match.group()
        at = match.end()
        if kind in ("space", "split", "redirect"):
            if word is not None:
                words.append(word)
                word = None
            if kind == "redirect":
                words.append(">" if ">" in text else "<")
            elif kind == "split":
                yield words, text
                words = []
        else:
            word = (word or "") + _plain(kind, text)
    if word is not None:
        words.append(word)
    yield words, ""


def _plain(kind: str | None, text: str) -> str:
    if kind in ("single", "double"):
        return text[1:-1]
    return text[1:] if kind == "escape" else text


def _closing(line: str, at: int) -> int:
    """The place behind the `)` that closes the `(` at `at`; the end when there is none."""
    depth = 0
    quote = ""
    while at < len(line):
        char = line[at]
        if char == "\\":
            at += 1
        elif quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
            if depth == 0:
                return at + 1
        at += 1
    return len(line)


def _quoted(line: str, at: int) -> int:
    """The place behind the double quote that closes the one at `at`."""
    at += 1
    while at < len(line):
        if line.startswith("$(", at):
            at = _closing(line, at + 1)
            continue
        if line[at] == "\\":
            at += 1
        elif line[at] == '"':
            return at + 1
        at += 1
    return len(line) + 1
