"""`meshc schema`: the language for editors and for people."""

from __future__ import annotations

import json

import click

from meshc.cli.json_option import json_option, tell

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
@json_option
def schema(form: str, as_json: bool) -> None:
    """Print the JSON Schema of the language, so that editors complete and check it."""
    if form == "markdown":
        from meshc.topology.language.schema.key_reference import language_reference

        page = language_reference()
        if as_json:
            tell({"page": page})
        else:
            click.echo(page, nl=False)
        return
    from meshc.topology.language.schema.json_schema import json_schema_text

    if as_json:
        tell({"schema": json.loads(json_schema_text())})
    else:
        click.echo(json_schema_text(), nl=False)
