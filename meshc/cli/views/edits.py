"""A change of the topology file, told: the patch, what else was done, and what to do next."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshc.cli.views.colour import coloured
from meshc.cli.views.page import say
from meshc.render.report.json import envelope

if TYPE_CHECKING:
    from meshc.build.topology_edits import TopologyEdit

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def show_edit(edit: TopologyEdit, file: Path, *, dry_run: bool, as_json: bool) -> None:
    """Prints it; the JSON has the same facts."""
    patch = edit.patch()
    if as_json:
        changed = [str(path) for path in edit.after]
        what = {"changed": changed, "patch": patch, "written": not dry_run, "said": edit.said}
        click.echo(envelope(what))
        return
    if not patch:
        click.echo(f"{file} says so already.")
    for line in patch.splitlines():
        mark = _COLOURS.get(line[:1]) if coloured(sys.stdout) else None
        click.echo(click.style(line, fg=mark) if mark else line)
    for sentence in edit.said:
        say(sentence)
    if dry_run:
        click.echo("Nothing was written (--dry-run).")
    elif patch:
        click.echo(f"Next: meshc plan {file}, meshc build {file}")
