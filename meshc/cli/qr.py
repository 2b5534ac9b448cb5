"""`meshc qr`: a node's configuration as a code that its phone scans."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshc.cli.completion import complete_nodes
from meshc.cli.failure import reported
from meshc.cli.identity_option import identity_option
from meshc.cli.json_option import json_option, tell
from meshc.cli.topology_argument import TopologyCommand
from meshc.cli.views.colour import coloured
from meshc.cli.views.fold import terminal_width
from meshc.cli.views.page import say

if TYPE_CHECKING:
    from meshc.build.reader import BuildReader
    from meshc.wg.conf import Conf

# Black on white whatever the colours of the terminal are: readers expect dark on light.
_PAINT, _RESET = "\033[38;5;231;48;5;16m", "\033[0m"


@click.command(cls=TopologyCommand, epilog="Example: meshc qr mesh.yaml phone -o phone.png")
@click.argument("file", metavar="[FILE]", type=click.Path(path_type=Path))
@click.argument("node", shell_complete=complete_nodes)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A .png or .svg file (0600).")
@click.option("--via", metavar="RELAY", help="A second profile, by way of this relay.")
@click.option("--build", type=click.Path(path_type=Path), help="The build directory.")
@click.option("--strip-comments", is_flag=True, help="Leave out what a phone does not keep.")
@click.option("--force", is_flag=True, help="Also when a camera may fail to read it.")
@json_option
@identity_option
@reported
def qr(
    file: Path,
    node: str,
    output: Path | None,
    via: str | None,
    build: Path | None,
    strip_comments: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Show NODE's configuration, as built from FILE, as a QR code.

    The code holds the private key: show it to nobody else, and delete the picture once it has
    been scanned. With --via the profile goes by another relay, with the same key: where relays run
    agents, they follow the phone to whichever profile is on. Exit code 1 when the configuration is
    too large; the message says what to drop.
    """
    from meshc.build.reader import open_build
    from meshc.build.workspace import Workspace
    from meshc.render import qr_code as codes
    from meshc.wg.conf import parse

    if output is not None and output.suffix not in (".png", ".svg"):
        raise click.UsageError("OUTPUT ends in .png or .svg")
    reader = open_build(build or Workspace(file).build, file=file)
    path, caption = reader.node(node).path, f"{reader.manifest.network}: {node}"
    text = _profile(reader, file, node, via)
    caption += f" via {via}" if via else ""
    conf = parse(text, file=str(path))
    _refuse_useless(conf, node, path)
    if strip_comments:
        text = codes.strip_comments(text)
    budget = codes.budget(text, conf, node)
    if not budget.fits or not (budget.comfortable or force or output):
        _refuse(node, budget, as_json=as_json)
    advice = list(budget.advice)
    data = {"network": reader.manifest.network, "node": node, "bytes": budget.size}
    if output is None and as_json:
        tell(data | {"rows": codes.terminal(text).splitlines(), "advice": advice})
        return
    if output is None:
        _show(codes.terminal(text), node, caption)
    else:
        _write(output, (codes.png if output.suffix == ".png" else codes.svg)(text, caption))
        _warn(output, node)
    if as_json:
        tell(data | {"file": str(output), "advice": advice})
    elif not budget.comfortable:
        say(f"{budget.size} bytes: a camera may fail to read this.", err=True)
        _advise(budget.advice)


def _profile(reader: BuildReader, file: Path, node: str, relay: str | None) -> str:
    """The file of a node, or its second one. Raises: StateError."""
    if relay is None:
        return reader.node(node).text().reveal()
    from meshc.agent.second_profile import second_profile
    from meshc.build.topology_file import read_spec
    from meshc.diagnostics import Diagnostics

    diagnostics = Diagnostics()
    spec = read_spec(file, diagnostics)
    diagnostics.barrier()
    return second_profile(reader, spec, node, relay).reveal()


def _show(rows: str, node: str, caption: str) -> None:
    """Raises: StateError when the terminal would fold its lines."""
    from meshc.errors import StateError

    need, room = max(map(len, rows.splitlines())), terminal_width()
    if sys.stdout.isatty() and need > room:
        raise StateError(
            f"the code of {node} has {need} columns, and this terminal {room}",
            hint="make the window wider or its letters smaller, or `-o FILE.png`",
        )
    painted = "".join(f"{_PAINT}{line}{_RESET}\n" for line in rows.splitlines())
    sys.stdout.write(painted if coloured(sys.stdout) else rows)
    say(caption)


def _warn(output: Path, node: str) -> None:
    from meshc.build.git_exposure import exposed

    if exposed(output):
        say(f"warning: git would take {output}, with the private key in it", err=True)
    say(f"{output}: holds the private key of {node}; delete it once scanned", err=True)


def _refuse_useless(conf: Conf, node: str, path: Path) -> None:
    """Raises: StateError."""
    from meshc.errors import StateError

    useless = _useless(conf, node)
    if useless:
        raise StateError(useless, hint=f"copy {path} to the node")


def _useless(conf: Conf, node: str) -> str:
    """Why nobody could use the code, or empty text."""
    if conf.private_key is None:
        return f"{node} keeps its own private key, so that a code would be useless"
    if conf.pre_up or conf.post_up or conf.pre_down or conf.post_down:
        return f"the file of {node} holds hooks, which the apps that scan codes refuse"
    return ""


def _refuse(node: str, budget: object, *, as_json: bool) -> None:
    from meshc.diagnostics import Diagnostic
    from meshc.render.qr_code import COMFORTABLE_BYTES, MOST_BYTES, Budget

    assert isinstance(budget, Budget)
    if budget.fits:
        why = f"cameras read up to about {COMFORTABLE_BYTES} bytes from a screen"
        way = "; --force shows it all the same, -o FILE.png makes a picture"
    else:
        why, way = f"a QR code holds {MOST_BYTES}", ""
    if as_json:
        text = f"the configuration of {node} has {budget.size} bytes; {why}"
        tell({}, [Diagnostic("E500", text, hint="; ".join(budget.advice))])
    say(f"E500 the configuration of {node} has {budget.size} bytes; {why}{way}", err=True)
    _advise(budget.advice)
    sys.exit(1)


def _advise(advice: tuple[str, ...]) -> None:
    for sentence in advice:
        say(f"   hint: {sentence}", err=True)


def _write(path: Path, content: bytes) -> None:
    """0600 from the first byte on. Raises: OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        os.fchmod(out.fileno(), 0o600)
        out.write(content)
