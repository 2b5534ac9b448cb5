"""`meshc remove`: nodes leave the topology file, and what is said about them alone."""

from __future__ import annotations

from pathlib import Path

import click

from meshc.cli.completion import complete_nodes
from meshc.cli.failure import reported
from meshc.cli.topology_argument import TopologyCommand


@click.command(cls=TopologyCommand, epilog="Example: meshc remove mesh.yaml old-laptop")
@click.argument("file", metavar="[FILE]", type=click.Path(path_type=Path))
@click.argument("nodes", nargs=-1, required=True, shell_complete=complete_nodes)
@click.option("--dry-run", is_flag=True, help="Show the patch, write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@reported
def remove(file: Path, nodes: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Take nodes out of the file, with their places in lists, their links and their tests.

    Keys are kept in keys/ until `meshc keys revoke`.
    """
    from meshc.build import topology_edits
    from meshc.cli.views.edits import show_edit

    edit = topology_edits.remove(file, nodes, write=not dry_run)
    show_edit(edit, file, dry_run=dry_run, as_json=as_json)
