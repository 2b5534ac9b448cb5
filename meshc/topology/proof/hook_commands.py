"""The commands of hook lines, as far as the proof needs them: which ones would bash run?

Not a shell: words are not expanded. A word that bash would compute (`$(...)`, `$WAN`) is kept as
text that starts with `$`, which no rule mistakes for the tunnel's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

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
# `[ -n "$x" ] || iptables ...`: what comes after these words is a command again
_PREFIXES = frozenset(("sudo", "then", "do", "else", "{", "(", "if", "!", "time", "exec"))


def commands(line: str) -> Iterator[tuple[str, ...]]:
    """Each simple command of a line as its words; redirections appear as `>` and the file."""
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
                yield from _command(words)
                words = []
        else:
            word = (word or "") + _plain(kind, text)
    if word is not None:
        words.append(word)
    yield from _command(words)


def _command(words: list[str]) -> Iterator[tuple[str, ...]]:
    while words and words[0] in _PREFIXES:
        words = words[1:]
    if words:
        yield tuple(words)


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
