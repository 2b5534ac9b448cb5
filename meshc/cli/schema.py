"""`meshc schema`: the language for editors and for people."""

from __future__ import annotations

import click

EXAMPLE = """\b
Example: meshc schema > meshc.schema.json
Then begin a topology with this line, which most editors understand:
  # yaml-language-server: $schema=meshc.schema.json
"""


@click.command(epilog=EXAMPLE)
@click.option(
    "--format",
    "form",
    type=click.Choice(["json", "markdown"]),
    default="json",
    show_default=True,
    help="JSON Schema for editors, or a page to read.",
)
def schema(form: str) -> None:
    """Print the JSON Schema of the language, so that editors complete and check it."""
    if form == "markdown":
        from meshc.topology.language.schema.key_reference import language_reference

        click.echo(language_reference(), nl=False)
        return
    from meshc.topology.language.schema.json_schema import json_schema_text

    click.echo(json_schema_text(), nl=False)
