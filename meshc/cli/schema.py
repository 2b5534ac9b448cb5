"""`meshc schema`: the language for editors."""

from __future__ import annotations

import click

EXAMPLE = """\b
Example: meshc schema > meshc.schema.json
Then begin a topology with this line, which most editors understand:
  # yaml-language-server: $schema=meshc.schema.json
"""


@click.command(epilog=EXAMPLE)
def schema() -> None:
    """Print the JSON Schema of the language, so that editors complete and check it."""
    from meshc.topology.json_schema import json_schema_text

    click.echo(json_schema_text(), nl=False)
