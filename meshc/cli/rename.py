"""`meshc rename`: a node gets another name and keeps all else."""

from __future__ import annotations

from pathlib import Path

import click

from meshc.cli.completion import complete_nodes
from meshc.cli.failure import reported
from meshc.cli.identity_option import identity_option
from meshc.cli.topology_argument import TopologyCommand


@click.command(cls=TopologyCommand, epilog="Example: meshc rename mesh.yaml laptop anna-laptop")
@click.argument("file", metavar="[FILE]", type=click.Path(path_type=Path))
@click.argument("old", shell_complete=complete_nodes)
@click.argument("new")
@click.option("--dry-run", is_flag=True, help="Show the patch, write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@identity_option
@reported
def rename(file: Path, old: str, new: str, dry_run: bool, as_json: bool) -> None:
    """Rename a node wherever the file names it; key, address and lock entry stay.

    Nothing changes on the wire. A run that was cut short can be repeated.
    """
    from meshc.build import topology_edits
    from meshc.cli.views.edits import show_edit

    edit = topology_edits.rename(file, old, new, write=not dry_run)
    show_edit(edit, file, dry_run=dry_run, as_json=as_json)
