"""`meshc down`: take a node down and put everything back."""

from __future__ import annotations

from pathlib import Path

import click

from meshc.cli.failure import polite_end, reported
from meshc.cli.node_target import build_option, run_option, running_interface, tell


@click.command(epilog="Example: meshc down wg0")
@click.argument("target", metavar="IFACE|NODE|CONF")
@build_option
@run_option
@click.option("--dry-run", is_flag=True, help="Print every change and make none.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
@reported
def down(target: str, build: Path, run_directory: Path, dry_run: bool, as_json: bool) -> None:
    """Take a node down and put everything back.

    Removes what `up` made, also after a crash, and nothing else.
    """
    from meshc import node

    interface = running_interface(target, build, run_directory)
    with polite_end():
        outcome = node.down(interface, dry_run=dry_run, run_directory=run_directory)
    tell(outcome, "down", as_json=as_json)
