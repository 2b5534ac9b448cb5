"""Completion for shells: the script that a shell loads, and the names of nodes that it offers."""

from __future__ import annotations

from pathlib import Path

import click
from click.shell_completion import CompletionItem, get_completion_class

SHELLS = ("bash", "zsh", "fish")
_VARIABLE = "_MESHC_COMPLETE"


def complete_nodes(
    ctx: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Nodes of the topology file that was named, or is found; where none begins so, files: FILE
    may stand in front."""
    given = ctx.params.get(parameter.name or "") or ()
    there = {given} if isinstance(given, str) else {*given}
    names = [name for name in _nodes(ctx) if name.startswith(incomplete) and name not in there]
    if names:
        return [CompletionItem(name) for name in names]
    return [CompletionItem(incomplete, type="file")]


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print a script that completes commands, options and names of nodes.

    \b
    bash   meshc completion bash > ~/.local/share/bash-completion/completions/meshc
    zsh    meshc completion zsh > "${fpath[1]}/_meshc"
    fish   meshc completion fish > ~/.config/fish/completions/meshc.fish
    """
    from meshc.cli import main

    kind = get_completion_class(shell)
    assert kind is not None, "click knows these shells"
    made = kind(main, {}, "meshc", _VARIABLE)
    # `source()` would start the bash of this machine to ask for its version
    click.echo(made.source_template % made.source_vars())


def _nodes(ctx: click.Context) -> list[str]:
    """Sorted; none when there is no file that can be read."""
    from meshc.build.topology_file import read_spec
    from meshc.cli.topology_argument import find_topology
    from meshc.diagnostics import Diagnostics
    from meshc.errors import MeshcError

    named = ctx.params.get("file")
    file = Path(named) if named else find_topology()
    if file is None:
        return []
    try:
        return sorted(read_spec(file, Diagnostics()).nodes)
    except (MeshcError, OSError):
        return []  # a shell that completes is no place for messages
