"""`meshc enable`: nodes that were left out come back."""

from __future__ import annotations

from pathlib import Path

import click

from meshc.cli.completion import complete_nodes
from meshc.cli.failure import reported
from meshc.cli.topology_argument import TopologyCommand


@click.command(cls=TopologyCommand, epilog="Example: meshc enable mesh.yaml spare")
@click.argument("file", metavar="[FILE]", type=click.Path(path_type=Path))
@click.argument("nodes", nargs=-1, required=True, shell_complete=complete_nodes)
@click.option("--dry-run", is_flag=True, help="Show the patch, write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@reported
def enable(file: Path, nodes: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Bring nodes back that were left out; they have the key and the address that they had."""
    from meshc.build import topology_edits
    from meshc.cli.views.edits import show_edit

    edit = topology_edits.switch(file, nodes, enabled=True, write=not dry_run)
    show_edit(edit, file, dry_run=dry_run, as_json=as_json)
