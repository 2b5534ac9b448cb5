"""`meshc disable`: nodes are left out of every file for a while."""

from __future__ import annotations

from pathlib import Path

import click

from meshc.cli.completion import complete_nodes
from meshc.cli.failure import reported
from meshc.cli.topology_argument import TopologyCommand


@click.command(cls=TopologyCommand, epilog="Example: meshc disable mesh.yaml laptop")
@click.argument("file", metavar="[FILE]", type=click.Path(path_type=Path))
@click.argument("nodes", nargs=-1, required=True, shell_complete=complete_nodes)
@click.option("--dry-run", is_flag=True, help="Show the patch, write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@reported
def disable(file: Path, nodes: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Leave nodes out of every file; key and address are kept for their return.

    What runs is changed by the next build and deploy, or by hand.
    """
    from meshc.build import topology_edits
    from meshc.cli.views.edits import show_edit

    edit = topology_edits.switch(file, nodes, enabled=False, write=not dry_run)
    show_edit(edit, file, dry_run=dry_run, as_json=as_json)
