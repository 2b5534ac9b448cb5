"""A page for each command: what its `--help` says, and that of the commands below it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click


def command_pages() -> Iterator[tuple[str, str]]:
    """(path, text), first that of all commands."""
    from meshc.cli import main

    top = click.Context(main, info_name="meshc")
    found = [(word, main.get_command(top, word)) for word in main.list_commands(top)]
    commands = [(word, one) for word, one in found if one is not None and not one.hidden]
    rows = [
        f"| [`meshc {word}`]({word}.md) | {_cell(one.get_short_help_str(200))} |"
        for word, one in commands
    ]
    yield (
        "commands/index.md",
        "\n".join(["# Commands", "", "| command | does |", "|---|---|", *rows, ""]),
    )
    for word, command in commands:
        yield f"commands/{word}.md", "\n".join(_section(command, f"meshc {word}", top, 1))


def _section(command: click.Command, name: str, parent: click.Context, level: int) -> Iterator[str]:
    context = click.Context(command, info_name=name.rpartition(" ")[2], parent=parent)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    yield from (f"{'#' * level} {name}", "", "~~~~ {.text}", usage, "~~~~", "")
    yield from _paragraphs(command.help or "")
    records = [one.get_help_record(context) for one in command.get_params(context)]
    options = [record for record in records if record is not None]
    if options:
        yield from ("| option | meaning |", "|---|---|")
        for names, meaning in options:
            yield f"| {_code(names)} | {_cell(meaning)} |"
        yield ""
    yield from _paragraphs(command.epilog or "")
    if isinstance(command, click.Group):
        for word in command.list_commands(context):
            inner = command.get_command(context, word)
            if inner is not None and not inner.hidden:
                yield from _section(inner, f"{name} {word}", context, min(level + 1, 3))


def _paragraphs(text: str) -> Iterator[str]:
    """Click's own: one is kept line by line when it begins with a backspace."""
    for paragraph in re.split(r"\n\s*\n", click.unstyle(text).strip()):
        lines = [line.strip() for line in paragraph.split("\n") if line.strip()]
        if lines and lines[0] == "\b":
            yield from ("~~~~ {.text}", *lines[1:], "~~~~", "")
        elif lines:
            yield from (" ".join(map(_plain, lines)), "")


def _plain(text: str) -> str:
    """What Markdown would take for markup, but for code."""
    parts = text.split("`")
    parts[::2] = [re.sub(r"([\\<>*_\[\]{}|~])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


def _cell(text: str) -> str:
    return _plain(" ".join(text.split())).replace("\\|", "&#124;")


def _code(text: str) -> str:
    return f"`{text}`" if "|" not in text else f"<code>{text.replace('|', '&#124;')}</code>"
