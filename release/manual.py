"""Manual pages: what `--help` says of each command, in the language of man(7).

    ./dev man                            dist/man/man1/meshc*.1
    python release/manual.py DIRECTORY   the same, elsewhere

`MANPATH=dist/man man meshc-explain` shows one; they belong to /usr/local/share/man.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))


def pages() -> Iterator[tuple[str, str]]:
    """(name of the file, text) for meshc and every command below it."""
    from meshc.cli import main

    yield from _pages(main, "meshc", None)


def _pages(
    command: click.Command, name: str, parent: click.Context | None
) -> Iterator[tuple[str, str]]:
    context = click.Context(command, info_name=name.rpartition(" ")[2], parent=parent)
    page = name.replace(" ", "-")
    yield f"{page}.1", page_of(command, context, page)
    if isinstance(command, click.Group):
        for word in command.list_commands(context):
            inner = command.get_command(context, word)
            if inner is not None and not inner.hidden:
                yield from _pages(inner, f"{name} {word}", context)


def page_of(command: click.Command, context: click.Context, page: str) -> str:
    """One page: name, synopsis, description, options, commands, example."""
    from meshc import __version__

    lines = [f'.TH "{page.upper()}" "1" "" "meshc {__version__}" "meshc"']
    lines += [".SH NAME", f"{_text(page)} \\- {_text(command.get_short_help_str(200))}"]
    usage = " ".join(command.collect_usage_pieces(context))
    lines += [".SH SYNOPSIS", f".B {_text(context.command_path)}", _text(usage)]
    if command.help:
        lines += [".SH DESCRIPTION", *_paragraphs(command.help)]
    records = [one.get_help_record(context) for one in command.get_params(context)]
    options = [record for record in records if record is not None and record[1]]
    if options:
        lines.append(".SH OPTIONS")
        for names, meaning in options:
            lines += [".TP", f".B {_text(names)}", _text(meaning)]
    if isinstance(command, click.Group):
        lines.append(".SH COMMANDS")
        for word in command.list_commands(context):
            inner = command.get_command(context, word)
            if inner is not None and not inner.hidden:
                lines += [".TP", f".BR {page}-{word} (1)", _text(inner.get_short_help_str(200))]
    if command.epilog:
        lines += [".SH EXAMPLES", *_paragraphs(command.epilog)]
    if context.parent is not None:
        above = context.parent.command_path.replace(" ", "-")
        lines += [".SH SEE ALSO", f".BR {above} (1)"]
    return "\n".join(lines) + "\n"


def _paragraphs(text: str) -> Iterator[str]:
    """Click's own: one is kept line by line when it begins with a backspace."""
    for number, paragraph in enumerate(re.split(r"\n\s*\n", click.unstyle(text).strip())):
        if number:
            yield ".PP"
        lines = [line.strip() for line in paragraph.split("\n")]
        if lines[0] == "\b":
            yield from (".nf", *map(_text, lines[1:]), ".fi")
        else:
            yield from map(_text, lines)


def _text(text: str) -> str:
    """What roff(7) would take for a command or a hyphen."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("\n", " ")
    escaped = re.sub(r"[^\x00-\x7f]", lambda found: f"\\[u{ord(found[0]):04X}]", escaped)
    return f"\\&{escaped}" if escaped[:1] in (".", "'") else escaped


def make(target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for name, text in pages():
        (target / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    make(Path(sys.argv[1]))
