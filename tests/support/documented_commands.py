"""What the documentation tells people to type: commands of meshc, and whether click takes them.

Nothing is run: names of commands and options, values of options that have a few, and how many
arguments there are. What stands for a value is written in capitals, `…` or brackets.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import NamedTuple

import click

from meshc.cli import main

_FENCE = re.compile(r"\s*(```|~~~)")
_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")
_PREFIX = re.compile(r"^(?:- run: |run: \|?|\$ |sudo |sudo \"\$\(command -v meshc\)\" )*")
_STANDS_FOR = re.compile(r"[A-Z][A-Z0-9_=:./-]*\Z|.*[…<\[|]|\.\.\.")


class Written(NamedTuple):
    """A command as it stands in a page; `words` without the `meshc` before them. A `mention` within
    a sentence may leave out the value of its last option."""

    line: int
    words: tuple[str, ...]
    mention: bool = False

    def __str__(self) -> str:
        return f"line {self.line}: meshc {' '.join(self.words)}"


def written(page: str) -> Iterator[Written]:
    """The commands of a Markdown page: lines of its blocks but `text`, and code in sentences."""
    fenced = output = False
    for number, line in enumerate(page.splitlines(), 1):
        if _FENCE.match(line):
            fenced, output = not fenced, line.strip() == "```text"
        elif output:
            continue
        elif fenced or line.startswith("    "):
            yield from _commands(line, number)
        else:
            for span in _SPAN.finditer(line):
                yield from (one._replace(mention=True) for one in _commands(span[2], number))


def _commands(line: str, number: int) -> Iterator[Written]:
    for part in re.split(r"\s(?:\|\||&&|\||;|#|>|2>)\s?|;\s|,\s", line):
        text = part.strip().replace('sudo "$(command -v meshc)"', "meshc")
        text = _PREFIX.sub("", text).replace("./dev run ", "meshc ").rstrip(".,;:")
        if not re.match(r"meshc [a-z-]", text):
            continue
        try:
            words = shlex.split(text)
        except ValueError:
            continue  # a sentence with an apostrophe
        yield Written(number, tuple(words[1:]))


def fault(one: Written) -> str:
    """Why click would not take it; empty when it would."""
    found = _fault(one.words)
    return "" if one.mention and re.search(r"requires .*argument", found) else found


def _fault(words: tuple[str, ...]) -> str:
    context = click.Context(main, info_name="meshc")
    command: click.Command = main
    rest = list(words)
    while isinstance(command, click.Group):
        if not rest or _stands_for_something(rest[0]):
            return ""
        if rest[0].startswith("-"):
            break
        inner = command.get_command(context, rest[0])
        if inner is None:
            return f"{rest[0]!r} is no command"
        command, context = inner, click.Context(inner, info_name=rest.pop(0), parent=context)
    try:
        given, extra, _ = command.make_parser(context).parse_args(rest)
    except click.UsageError as error:
        return error.format_message()
    if extra and not any(isinstance(one, click.Argument) for one in command.params):
        return f"takes no {extra[0]!r}"
    for one in command.params:
        value = given.get(one.name)
        if isinstance(one, click.Option) and isinstance(one.type, click.Choice):
            for text in value if isinstance(value, (list, tuple)) else [value]:
                known = text is None or not isinstance(text, str) or text in one.type.choices
                if not known and not _stands_for_something(text):
                    return f"{one.opts[-1]} is one of {', '.join(one.type.choices)}, not {text}"
    return ""


def _stands_for_something(word: str) -> bool:
    return _STANDS_FOR.match(word) is not None
