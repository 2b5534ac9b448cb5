"""`meshc graph`: a picture of the network."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from meshc.cli.failure import reported
from meshc.cli.topology_argument import TopologyCommand

FORMATS = ("mermaid", "dot", "svg", "html")
SUFFIXES = {".mmd": "mermaid", ".dot": "dot", ".gv": "dot", ".svg": "svg", ".html": "html"}


@click.command(cls=TopologyCommand, epilog="Example: meshc graph mesh.yaml -o mesh.html")
@click.argument("file", metavar="[FILE]", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write here, not to stdout.")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="Default: what OUTPUT's suffix says, else mermaid.",
)
@reported
def graph(file: Path, output: Path | None, form: str | None) -> None:
    """Draw FILE: who is where, which links are direct, which pairs are bounced.

    The HTML page is one file that works offline: pan, zoom, point at a pair to see its path.
    Needs no keys and writes nothing but OUTPUT.
    """
    from meshc.build.pipeline import plan_file
    from meshc.render.diagram.dot import dot
    from meshc.render.diagram.html import html
    from meshc.render.diagram.mermaid import mermaid
    from meshc.render.diagram.picture import picture
    from meshc.render.diagram.svg import svg

    form = form or SUFFIXES.get(output.suffix if output else "", "mermaid")
    plan = plan_file(file)
    draw = {"mermaid": mermaid, "dot": dot, "svg": svg, "html": html}[form]
    text = draw(picture(plan))
    if output is None:
        sys.stdout.write(text)
        return
    output.write_text(text, encoding="utf-8")
    open_it = " (open it in a browser)" if form in ("svg", "html") else ""
    click.echo(f"{output}: {form} picture of {len(plan.nodes)} nodes{open_it}", err=True)
