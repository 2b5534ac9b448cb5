"""`meshc up`: a node on this machine."""

from __future__ import annotations

from pathlib import Path

import click

from meshc.cli.failure import polite_end, reported
from meshc.cli.node_target import build_option, run_option, tell

EXAMPLE = "Example: meshc up laptop --engine bundled; meshc up /etc/wireguard/wg0.conf --dry-run"


@click.command(epilog=EXAMPLE)
@click.argument("target", metavar="NODE|CONF")
@build_option
@run_option
@click.option(
    "--engine",
    default="auto",
    show_default=True,
    help="auto, kernel, bundled, wireguard-go, or the path of a program.",
)
@click.option("--dry-run", is_flag=True, help="Print every change and make none.")
@click.option("--foreground", is_flag=True, help="Stay, watch endpoints, take down at the end.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
@reported
def up(
    target: str,
    build: Path,
    run_directory: Path,
    engine: str,
    dry_run: bool,
    foreground: bool,
    as_json: bool,
) -> None:
    """Bring a node up on this machine.

    NODE is looked for in the build directory, then in /etc/wireguard; CONF is any wg-quick file.
    A node that is up already and as its file says is left alone.
    """
    from meshc import node
    from meshc.agent.watch import watch
    from meshc.node import nodefile

    path = nodefile.find(target, build)
    stays = foreground and not dry_run
    with polite_end():
        outcome = node.up(
            path,
            engine=engine,
            dry_run=dry_run,
            watch=not foreground,
            run_directory=run_directory,
        )
        try:  # from here on, also while it is told: whoever ends this wants the interface down
            tell(outcome, "up", as_json=as_json)
            if stays:
                watch(outcome.interface, run_directory=run_directory)
        finally:
            if stays:
                ended = node.down(outcome.interface, run_directory=run_directory)
                tell(ended, "down", as_json=False)
