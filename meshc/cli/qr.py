"""`meshc qr`: a node's configuration as a code that its phone scans."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from meshc.cli.failure import reported
from meshc.cli.topology_argument import TopologyCommand
from meshc.cli.views.colour import coloured

# Black on white whatever the colours of the terminal are: readers expect dark on light.
_PAINT, _RESET = "\033[38;5;231;48;5;16m", "\033[0m"


@click.command(cls=TopologyCommand, epilog="Example: meshc qr mesh.yaml phone -o phone.png")
@click.argument("file", metavar="[FILE]", type=click.Path(path_type=Path))
@click.argument("node")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A .png or .svg file (0600).")
@click.option("--build", type=click.Path(path_type=Path), help="The build directory.")
@click.option("--strip-comments", is_flag=True, help="Leave out what a phone does not keep.")
@click.option("--force", is_flag=True, help="Also when a camera may fail to read it.")
@reported
def qr(
    file: Path,
    node: str,
    output: Path | None,
    build: Path | None,
    strip_comments: bool,
    force: bool,
) -> None:
    """Show NODE's configuration, as built from FILE, as a QR code.

    The code holds the private key: show it to nobody else, and delete the picture once it has
    been scanned. Exit code 1 when the configuration is too large; the message says what to drop.
    """
    from meshc.build.reader import open_build
    from meshc.build.workspace import Workspace
    from meshc.errors import StateError
    from meshc.render import qr_code as codes
    from meshc.wg.conf import parse

    if output is not None and output.suffix not in (".png", ".svg"):
        raise click.UsageError("OUTPUT ends in .png or .svg")
    built = open_build(build or Workspace(file).build, file=file).node(node)
    path, text = built.path, built.text().reveal()
    conf = parse(text, file=str(path))
    if conf.private_key is None:
        raise StateError(
            f"{node} keeps its own private key, so that a code would be useless",
            hint=f"copy {path} to the node",
        )
    if strip_comments:
        text = codes.strip_comments(text)
    budget = codes.budget(text, conf, node)
    if not budget.fits or not (budget.comfortable or force or output):
        _refuse(node, budget)
    if output is None:
        shown = codes.terminal(text)
        painted = "".join(f"{_PAINT}{line}{_RESET}\n" for line in shown.splitlines())
        sys.stdout.write(painted if coloured(sys.stdout) else shown)
    else:
        _write(output, codes.png(text) if output.suffix == ".png" else codes.svg(text))
        click.echo(f"{output}: holds the private key of {node}; delete it once scanned", err=True)
    if not budget.comfortable:
        click.echo(f"{budget.size} bytes: a camera may fail to read this.", err=True)
        _advise(budget.advice)


def _refuse(node: str, budget: object) -> None:
    from meshc.render.qr_code import COMFORTABLE_BYTES, MOST_BYTES, Budget

    assert isinstance(budget, Budget)
    if budget.fits:
        why = f"cameras read up to about {COMFORTABLE_BYTES} bytes from a screen"
        way = "; --force shows it all the same, -o FILE.png makes a picture"
    else:
        why, way = f"a QR code holds {MOST_BYTES}", ""
    click.echo(f"E500 the configuration of {node} has {budget.size} bytes; {why}{way}", err=True)
    _advise(budget.advice)
    sys.exit(1)


def _advise(advice: tuple[str, ...]) -> None:
    for sentence in advice:
        click.echo(f"   hint: {sentence}", err=True)


def _write(path: Path, content: bytes) -> None:
    """0600 from the first byte on. Raises: OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        os.fchmod(out.fileno(), 0o600)
        out.write(content)
