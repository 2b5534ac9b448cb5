"""`meshc add`: a node comes into the topology file."""

from __future__ import annotations

from pathlib import Path

import click

from meshc.cli.failure import reported
from meshc.cli.settings_argument import settings_line
from meshc.cli.topology_argument import TopologyCommand


@click.command(
    cls=TopologyCommand, epilog="Example: meshc add mesh.yaml phone platform=ios site=home"
)
@click.argument("file", metavar="[FILE]", type=click.Path(path_type=Path))
@click.argument("name")
@click.argument("settings", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--dry-run", is_flag=True, help="Show the patch, write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@reported
def add(file: Path, name: str, settings: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Add a node; VALUE is YAML, as it would stand in the file."""
    from meshc.build import topology_edits
    from meshc.cli.views.edits import show_edit

    line = settings_line(settings)
    edit = topology_edits.add(file, name, f"{{{line}}}" if line else "", write=not dry_run)
    show_edit(edit, file, dry_run=dry_run, as_json=as_json)
