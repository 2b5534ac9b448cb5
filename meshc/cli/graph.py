"""`meshc graph`: a picture of the network."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from meshc.cli.failure import reported
from meshc.cli.json_option import json_option, tell
from meshc.cli.topology_argument import TopologyCommand
from meshc.cli.views.page import say

FORMATS = ("mermaid", "dot", "svg", "html", "png", "pdf")
SUFFIXES = {
    ".mmd": "mermaid",
    ".mermaid": "mermaid",
    ".dot": "dot",
    ".gv": "dot",
    ".svg": "svg",
    ".html": "html",
    ".htm": "html",
    ".png": "png",
    ".pdf": "pdf",
}
FILES_ONLY = ("png", "pdf")


@click.command(cls=TopologyCommand, epilog="Example: meshc graph mesh.yaml -o mesh.html")
@click.argument("file", metavar="[FILE]", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write here, not to stdout.")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="Default: what OUTPUT's suffix says; mermaid on stdout.",
)
@json_option
@reported
def graph(file: Path, output: Path | None, form: str | None, as_json: bool) -> None:
    """Draw FILE: who is where, which links are direct, which pairs are bounced.

    The HTML page is one file that works offline: sites and groups folded or open, a matrix of all
    pairs, search, what each relay carries; click two nodes to see their path. PNG and PDF are made
    from the SVG by rsvg-convert or Chromium. Needs no keys and writes nothing but OUTPUT.
    """
    from meshc.build.pipeline import plan_file
    from meshc.render.diagram.dot import dot
    from meshc.render.diagram.html import html
    from meshc.render.diagram.mermaid import mermaid
    from meshc.render.diagram.picture import picture
    from meshc.render.diagram.svg import svg

    form = form or _by_suffix(output)
    if form in FILES_ONLY and output is None:
        raise click.UsageError(f"a {form} goes to a file: add -o mesh.{form}")
    plan = plan_file(file)
    drawn = picture(plan)
    if form in FILES_ONLY:
        from meshc.render.diagram.raster import convert

        content = convert(svg(drawn), form)
    else:
        draw = {"mermaid": mermaid, "dot": dot, "svg": svg, "html": html}[form]
        content = draw(drawn).encode()
    if output is None:
        if as_json:
            tell({"format": form, "nodes": len(plan.nodes), "picture": content.decode()})
        else:
            sys.stdout.write(content.decode())
        return
    output.write_bytes(content)
    if as_json:
        tell({"format": form, "nodes": len(plan.nodes), "file": str(output)})
        return
    open_it = " (open it in a browser)" if form in ("svg", "html") else ""
    say(f"{output}: {form} picture of {len(plan.nodes)} nodes{open_it}", err=True)


def _by_suffix(output: Path | None) -> str:
    """Raises: UsageError for a suffix that says nothing, before anything is drawn."""
    if output is None:
        return "mermaid"
    form = SUFFIXES.get(output.suffix.lower())
    if form is None:
        raise click.UsageError(
            f"{output.name} does not say what kind of picture it shall be: end it in "
            f"{', '.join(SUFFIXES)}, or add --format"
        )
    return form
