"""Commands of a RouterOS script: menu, verb and arguments of each line.

Not an interpreter: expressions in brackets are kept as text, and lines that begin with `:` (which
ask the router something) are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_WORD = re.compile(
    r"""
      (?P<key>[a-z][a-z0-9-]*)=(?P<no>!?)(?:"(?P<quoted>(?:\\.|[^"\\])*)"|(?P<bare>[^\s"\[]*))
    | \[(?P<query>(?:[^\[\]"]|"(?:\\.|[^"\\])*")*)\]
    | (?<!\S)(?P<flag>[a-z][a-z-]*)(?!\S)
    """,
    re.VERBOSE,
)
_COMMAND = re.compile(r"(/[a-z0-9/-]+)/([a-z]+)(?:\s+(.*))?")
_ESCAPED = re.compile(r"\\(.)")


class RouterCommand(NamedTuple):
    """One command. `query` are the conditions of its `[find ...]`; a value that is negated keeps
    its `!` in front. `flags` are the words without a value."""

    menu: str
    verb: str
    arguments: dict[str, str]
    query: dict[str, str]
    line: int
    flags: frozenset[str] = frozenset()

    @property
    def takes_effect(self) -> bool:
        """Whether the command adds something that is not switched off."""
        return (
            self.verb == "add"
            and self.arguments.get("disabled", "no") == "no"
            and "disabled" not in self.flags
        )


def read_commands(text: str) -> Iterator[RouterCommand]:
    """The commands in their order."""
    for number, line in _whole_lines(text):
        match = _COMMAND.fullmatch(line.strip())
        if match is None:
            continue
        arguments: dict[str, str] = {}
        query: dict[str, str] = {}
        flags: set[str] = set()
        for word in _WORD.finditer(match[3] or ""):
            if word["flag"] is not None:
                flags.add(word["flag"])
            elif word["query"] is None:
                arguments[word["key"]] = _value(word)
            else:
                inside = _WORD.finditer(word["query"])
                query.update((one["key"], _value(one)) for one in inside if one["key"])
        yield RouterCommand(match[1], match[2], arguments, query, number, frozenset(flags))


def _whole_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines without comments; one that ends in a backslash goes on in the next."""
    start, whole = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        start = start if whole else number
        whole += line.lstrip() if whole else line
        if whole.endswith("\\") and not whole.lstrip().startswith("#"):
            whole = whole[:-1]
            continue
        if whole.strip() and not whole.lstrip().startswith("#"):
            yield start, whole
        whole = ""


def _value(word: re.Match[str]) -> str:
    quoted = word["quoted"]
    value = word["bare"] or "" if quoted is None else _ESCAPED.sub(r"\1", quoted)
    return word["no"] + value
