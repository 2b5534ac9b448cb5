"""Keys that are replaced while the network runs: `meshc keys rotate --live`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from meshc.cli.views.page import say
from meshc.errors import StateError

if TYPE_CHECKING:
    from meshc.deploy.live_rotation import LiveRotation, RotationCost, RotationStep

_MOST_NAMES = 12
FAILED = 1


class LiveOptions(NamedTuple):
    """How nodes are reached, and whether somebody is asked."""

    ssh_config: Path | None
    known_hosts: Path | None
    window: float
    parallel: int
    yes: bool


def live_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of `LiveOptions`."""
    path = click.Path(path_type=Path, dir_okay=False)
    seconds = click.FloatRange(10, 3600)
    for decorate in (
        click.option("--yes", is_flag=True, help="With --live: do not ask."),
        click.option("--ssh-config", type=path, help="With --live: as of deploy."),
        click.option("--known-hosts", type=path, help="With --live: as of deploy."),
        click.option("--window", type=seconds, default=60, help="With --live: as of deploy."),
        click.option(
            "--parallel", type=click.IntRange(1, 100), default=8, help="With --live: as of deploy."
        ),
    ):
        command = decorate(command)
    return command


def rotate_live(
    file: Path, nodes: tuple[str, ...], options: LiveOptions, *, everybody: bool, psk: bool
) -> None:
    """Begins a rotation, or goes on with the one that did not end; says what it costs, and asks."""
    from meshc.cli.deploy_options import ask
    from meshc.cli.views.progress import ProgressDisplay
    from meshc.deploy.connect.dial import Dialer
    from meshc.deploy.live_rotation import LiveRotation

    dialer = Dialer(options.ssh_config, options.known_hosts)
    with ProgressDisplay(lines=True) as progress:
        rotation = LiveRotation(
            file,
            dialer,
            lambda targets: ask(targets, dialer, progress.step, options.parallel, resume=True),
            progress.step,
            window=options.window,
            parallel=options.parallel,
        )
        fresh = bool(nodes or everybody or psk)
        if fresh:
            rotation.begin(nodes, everybody=everybody, psk=psk)
        elif not rotation.pending:
            raise click.UsageError("name the nodes that get a new key, or use --all or --psk")
        for cost in rotation.costs():
            say(told(cost))
        _agree(rotation, options, fresh=fresh)
        while rotation.pending:
            step = rotation.step()
            _show(step)
            if not step.good:
                say(f"Go on when that is mended: meshc keys rotate {file} --live", err=True)
                sys.exit(FAILED)
    say("Every new key is in use.")


def told(cost: RotationCost) -> str:
    """What a step costs, before it is done."""
    what = f"{cost.node}: a new key" if cost.node else "New pre-shared keys"
    gets = "" if cost.node else " get them"
    lines = [f"{what}; {_names(cost.follow)}{gets} in the same moment, nothing is cut"]
    if cost.cut:
        whom = f"cut off from {cost.node}" if cost.node else "cut off"
        lines.append(f"  {whom} until they have their new file by hand: {_names(cost.cut)}")
    return "\n".join(lines)


def _agree(rotation: LiveRotation, options: LiveOptions, *, fresh: bool) -> None:
    """Ends the command unless it is wanted; what was not begun is forgotten."""
    if options.yes:
        return
    if sys.stdin.isatty() and click.confirm("Do it?", err=True):
        return
    if fresh:
        rotation.forget()
    raise StateError("no key was replaced", hint="without a terminal, --yes says that it is meant")


def _show(step: RotationStep) -> None:
    from meshc.cli.views.deploy_view import print_outcomes

    print_outcomes(list(step.ends), list(step.traffic))


def _names(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return (", ".join(names[:_MOST_NAMES]) or "nobody") + more
