"""What `up`, `down`, `reload` and `status` share: how a node is named, how an outcome is told."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshc.cli.views.page import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshc.node import LifecycleOutcome

build_option: Callable[[Callable[..., object]], Callable[..., object]] = click.option(
    "--build",
    "build",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("build"),
    show_default=True,
    help="The build directory in which NODE is looked for.",
)
run_option: Callable[[Callable[..., object]], Callable[..., object]] = click.option(
    "--run-dir",
    "run_directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("/run/meshc"),
    show_default=True,
    help="Where the state of running interfaces is kept.",
)


def running_interface(target: str, build: Path, run_directory: Path) -> str:
    """The interface that `target` means: one that is up, else the one that its file names.

    Raises: NodeError for a path without a file."""
    from meshc.errors import NodeError
    from meshc.node import nodefile

    if "/" not in target and (run_directory / f"{target}.json").exists():
        return target
    try:
        return nodefile.interface_of(nodefile.find(target, build))
    except NodeError:
        # an interface without a file that we can find: down, or brought up by somebody else
        if nodefile.is_interface_name(target):
            return target
        raise


def tell(outcome: LifecycleOutcome, done: str, *, as_json: bool) -> None:
    """Prints what happened; `done` is the word for it, `up`."""
    if as_json:
        from meshc.render.report.json import envelope

        click.echo(envelope(asdict(outcome)))
        return
    name = f"{outcome.node} ({outcome.interface})" if outcome.node else outcome.interface
    if outcome.dry_run:
        say(f"{name}: would change" if outcome.steps else f"{name}: nothing to change")
    for step in outcome.steps:
        say(f"  {step}")
    for note in outcome.notes:
        say(f"note: {note}", err=True)
    if outcome.dry_run:
        return
    engine = f", engine {outcome.engine}" if outcome.engine and done != "down" else ""
    say(f"{name}: {done}{engine}" if outcome.steps else f"{name}: nothing to do{engine}")
