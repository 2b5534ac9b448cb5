"""The argument FILE: the topology file, the `mesh.yaml` here or above unless it is named."""

from __future__ import annotations

import os
from pathlib import Path

import click

DEFAULT = "mesh.yaml"
SUFFIXES = frozenset({".yaml", ".yml"})


class TopologyCommand(click.Command):
    """A command whose first argument is a topology file that may be left out."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing and not {*args}.intersection(self.get_help_option_names(ctx)):
            args = _with_file(self, ctx, args)
        elif ctx.resilient_parsing:
            args = _for_completion(self, ctx, args)
        return super().parse_args(ctx, args)


def find_topology() -> Path | None:
    """The `mesh.yaml` here or in the nearest directory above that has one.

    One above counts only when it belongs to us, to root or to whom the present directory belongs:
    nobody else's file, in /tmp say, is what a run that may have root's rights begins with.
    """
    here = Path.cwd()
    owners = {os.geteuid(), 0, here.stat().st_uid}
    for directory in (here, *here.parents):
        candidate = directory / DEFAULT
        if candidate.is_file():
            if directory != here and candidate.stat().st_uid not in owners:
                return None
            return Path(os.path.relpath(candidate))
    return None


def _with_file(command: click.Command, ctx: click.Context, args: list[str]) -> list[str]:
    """The arguments with FILE in front when it was left out. Raises: MissingParameter."""
    arguments = [one for one in command.params if isinstance(one, click.Argument)]
    assert arguments[0].name in ("file", "files"), "the command takes a topology file first"
    values, _, _ = command.make_parser(ctx).parse_args(list(args))
    given = [word for one in arguments for word in _words(values.get(one.name or ""))]
    least = sum(one.nargs for one in arguments if one.required and one.nargs > 0)
    exact = all(one.required and one.nargs > 0 for one in arguments)
    if (given and _names_a_file(given[0])) or (exact and len(given) >= least):
        return args
    found = find_topology()
    if found is not None:
        return [str(found), *args]
    if not given:
        raise click.MissingParameter(
            f"There is no {DEFAULT} here or above; `meshc init` writes one.",
            ctx=ctx,
            param=arguments[0],
        )
    return args


def _for_completion(command: click.Command, ctx: click.Context, args: list[str]) -> list[str]:
    """The same while a shell completes the next word, which is not among them: it may be a node."""
    arguments = [one for one in command.params if isinstance(one, click.Argument)]
    words, _, _ = command.make_parser(ctx).parse_args(list(args))
    given = [word for one in arguments for word in _words(words.get(one.name or ""))]
    if len(arguments) < 2 or (given and _names_a_file(given[0])):
        return args
    found = find_topology()
    return args if found is None else [str(found), *args]


def _words(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [word for word in value if isinstance(word, str)] if isinstance(value, tuple) else []


def _names_a_file(word: str) -> bool:
    """Whether a first word is FILE, and not the node that may stand in its place."""
    path = Path(word)
    return word == "-" or "/" in word or path.suffix in SUFFIXES or path.is_file()
