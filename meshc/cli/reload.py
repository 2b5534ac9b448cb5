"""`meshc reload`: apply a changed file to a running node."""

from __future__ import annotations

from pathlib import Path

import click

from meshc.cli.failure import polite_end, reported
from meshc.cli.node_target import build_option, run_option, tell


@click.command(epilog="Example: meshc reload laptop --dry-run")
@click.argument("target", metavar="NODE|CONF")
@build_option
@run_option
@click.option("--dry-run", is_flag=True, help="Print every change and make none.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
@reported
def reload(target: str, build: Path, run_directory: Path, dry_run: bool, as_json: bool) -> None:
    """Apply a changed file without a restart.

    Sessions with peers that did not change go on. Unlike `wg syncconf` this includes addresses,
    routes, rules, MTU, forwarding and DNS.
    """
    from meshc import node
    from meshc.node import nodefile

    path = nodefile.find(target, build)
    with polite_end():
        outcome = node.reload(path, dry_run=dry_run, run_directory=run_directory)
    tell(outcome, "reloaded", as_json=as_json)
