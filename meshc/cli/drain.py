"""`meshc drain`: a relay sends its leaves to the others, before it is restarted."""

from __future__ import annotations

from pathlib import Path

import click

from meshc.cli.failure import polite_end, reported
from meshc.cli.json_option import json_option
from meshc.cli.node_target import build_option, run_option, running_interface
from meshc.cli.views.page import say


@click.command(epilog="Example: meshc drain wg0; meshc drain wg0 --undo")
@click.argument("target", metavar="IFACE|NODE")
@build_option
@run_option
@click.option("--undo", is_flag=True, help="Take leaves again.")
@click.option(
    "--wait",
    type=click.FloatRange(0),
    default=30.0,
    show_default=True,
    help="Seconds for the leaves to go.",
)
@json_option
@reported
def drain(
    target: str, build: Path, run_directory: Path, undo: bool, wait: float, as_json: bool
) -> None:
    """Empty this relay: every leaf that has an agent moves to another one.

    Exit code 1 when some stay: those without an agent, or without another relay.
    """
    from meshc.agent.draining import request_drain
    from meshc.render.report.json import envelope

    interface = running_interface(target, build, run_directory)
    with polite_end():
        left = request_drain(interface, wanted=not undo, wait=wait, run_directory=run_directory)
    if as_json:
        click.echo(envelope({"interface": interface, "draining": not undo, "left": list(left)}))
    elif undo:
        say(f"{interface}: takes leaves again; they come back after a minute of quiet")
    else:
        say(f"{interface}: {'empty' if not left else 'still here: ' + ', '.join(left)}")
    if left:
        raise SystemExit(1)
