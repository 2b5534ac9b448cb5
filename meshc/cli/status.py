"""`meshc status`: how the nodes on this machine do."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from meshc.cli.failure import reported
from meshc.cli.node_target import build_option, run_option, running_interface
from meshc.cli.ssh_options import ssh_options
from meshc.cli.views.page import Column, Page, Piece, Styled, TerminalPage, standard_page

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from meshc.node import Status, TunnelStatus

_COLUMNS = (
    Column("peer"),
    Column("state"),
    Column("handshake"),
    Column("endpoint"),
    Column("received", "right"),
    Column("sent", "right"),
    Column("keepalive", fold=True),
    Column("also carries", fold=True),
)
RUN = Path("/run/meshc")
NOTHING_UP = 2
UNREADABLE = 3
_COLOURS = {
    "live": "green",
    "idle": "default",
    "asleep": "default",
    "never": "yellow",
    "lost": "red",
}


@click.command(epilog="Example: meshc status --watch; meshc status wg0 --json | jq .")
@click.argument("targets", metavar="[IFACE|NODE]...", nargs=-1)
@build_option
@run_option
@click.option("--watch", is_flag=True, help="Look again every two seconds, until Ctrl-C.")
@click.option("--interval", type=click.FloatRange(0.2), default=2.0, hidden=True)
@click.option(
    "--all",
    "fleet",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Ask all nodes of this topology over SSH (or those named), and show the fleet.",
)
@ssh_options
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option("--metrics", is_flag=True, help="Print figures for Prometheus.")
@click.option(
    "--textfile",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the figures to this file, for node_exporter's textfile collector.",
)
@reported
def status(
    targets: tuple[str, ...],
    build: Path,
    run_directory: Path,
    watch: bool,
    interval: float,
    fleet: Path | None,
    ssh_config: Path | None,
    known_hosts: Path | None,
    as_json: bool,
    metrics: bool,
    textfile: Path | None,
) -> None:
    """Show interface, peers and drift.

    Exit code: 0 all is well; 1 a peer that should have a session has none, or the machine has
    drifted from its file; 2 the interface is not up, or none is; 3 it cannot be told (no rights,
    a damaged state file). With --metrics or --textfile the figures tell the first three: 0
    where they could be had, 3 where not, 2 where FILE cannot be written. With --all: 0 all that
    were asked are well, 1 one is not, or could not be asked.
    """
    if fleet is not None:
        _fleet(fleet, targets, ssh_config, known_hosts, as_json=as_json)
    from meshc import node

    def look() -> tuple[Status, ...]:
        names = [running_interface(target, build, run_directory) for target in targets]
        return tuple(_one(name, run_directory) for name in names or node.interfaces(run_directory))

    if watch and not as_json and sys.stdout.isatty():
        _watch(look, interval, run_directory)
        return
    found = look()
    if metrics or textfile is not None:
        _figures(found, textfile, run_directory)
    if as_json:
        from meshc.render.report.json import envelope

        click.echo(envelope({"interfaces": [_report(one, run_directory) for one in found]}))
    else:
        print_status(standard_page(), found, run_directory)
    sys.exit(max((one.exit_code for one in found), default=NOTHING_UP))


def _one(name: str, run_directory: Path) -> Status:
    """One that cannot be read is a status as well."""
    from meshc import node
    from meshc.errors import MeshcError

    try:
        return node.status(name, run_directory=run_directory)
    except MeshcError as error:
        hint = getattr(error, "hint", "")
        why = f"{error} ({hint})" if hint else str(error)
        return node.Status(name, False, problems=(why,), unreadable=True)


def _fleet(
    file: Path,
    names: Sequence[str],
    ssh_config: Path | None,
    known_hosts: Path | None,
    *,
    as_json: bool,
) -> NoReturn:
    """Asks the nodes of a topology, shows what they say, and ends."""
    from meshc.build.topology_file import read_spec
    from meshc.cli.views.fleet_view import print_fleet
    from meshc.deploy.connect.dial import Dialer
    from meshc.deploy.fleet_status import ask_fleet
    from meshc.diagnostics import Diagnostics
    from meshc.errors import StateError
    from meshc.render.report.json import envelope

    spec = read_spec(file, Diagnostics())
    for name in names:
        if name not in spec.nodes:
            raise StateError(f"{file} has no node {name!r}")
    wanted = names or sorted(spec.nodes)
    found = asyncio.run(ask_fleet(spec, Dialer(ssh_config, known_hosts), wanted))
    if as_json:
        nodes = {
            name: {**_plain(asdict(view)), "home": found.home_of(name)}
            for name, view in found.nodes.items()
        }
        click.echo(envelope({"nodes": nodes}))
    else:
        print_fleet(standard_page(), found)
    asked = [view for view in found.nodes.values() if view.asked]
    sys.exit(0 if all(view.well for view in asked) else 1)


def _report(one: Status, run_directory: Path) -> dict[str, Any]:
    """An interface for programs; `paths` is null where no agent keeps any."""
    from meshc.agent.path_status import load_status

    paths = load_status(one.interface, run_directory)
    return {**_plain(asdict(one)), "paths": asdict(paths) if paths else None}


def _figures(found: Sequence[Status], textfile: Path | None, run_directory: Path) -> NoReturn:
    """Prints or writes them, whole or not at all, and ends."""
    from meshc.agent.path_metrics import path_exposition
    from meshc.agent.path_status import load_status
    from meshc.errors import NodeError
    from meshc.files import write_atomic
    from meshc.node.status_metrics import exposition_text

    kept = {one.interface: load_status(one.interface, run_directory) for one in found if one.up}
    paths = {name: status for name, status in kept.items() if status is not None}
    text = exposition_text(found, now=time.time())
    if paths:
        text += path_exposition(paths)
    if textfile is None:
        click.echo(text, nl=False)
    else:
        try:
            write_atomic(textfile, text)
        except OSError as error:
            raise NodeError(f"could not write {textfile}: {error.strerror}") from None
    sys.exit(UNREADABLE if any(one.unreadable for one in found) else 0)


def _watch(look: Callable[[], tuple[Status, ...]], interval: float, run_directory: Path) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    try:
        with console.screen():
            while True:
                found = look()
                console.clear()
                print_status(TerminalPage(console), found, run_directory)
                time.sleep(interval)
    except KeyboardInterrupt:
        return


def print_status(page: Page, found: Sequence[Status], run_directory: Path = RUN) -> None:
    """The interfaces, each with its peers, its agent's paths, and what is wrong with it."""
    from meshc.agent.path_status import load_status

    if not found:
        page.line("no interface is up (`meshc up NODE` brings one up)")
    for one in found:
        page.line(Styled(_headline(one), "bold" if one.up else "bold red"))
        paths = load_status(one.interface, run_directory)
        if paths is not None and one.up:
            page.line(paths.words)
            if paths.home and paths.since:
                age = age_text(max(0.0, time.time() - paths.since))
                page.line(f"  by {paths.home} for {age}: {paths.why}")
            if paths.nat:
                page.line(f"  {paths.nat}")
            for when, said in paths.moves[:3]:
                page.line(f"  {age_text(max(0.0, time.time() - when))} ago: {said}")
        if one.peers:
            page.table(_COLUMNS, map(_row, one.peers))
        for problem in one.problems:
            page.line(Styled(f"! {problem}", "red"))
        if one.drift:
            page.line(Styled("differs from its file (`meshc reload` would):", "yellow"))
        for line in one.drift:
            page.line(Styled(f"  {line}", "yellow"))
        page.line()


def _headline(one: Status) -> str:
    name = f"{one.node} ({one.interface})" if one.node else one.interface
    if not one.up:
        return f"{name}: {'cannot be told' if one.unreadable else 'not up'}"
    words = [f"{name}: up", f"engine {one.engine}", ", ".join(one.addresses), f"MTU {one.mtu}"]
    if one.since is not None:
        words.append(f"since {age_text(max(0.0, time.time() - one.since))}")
    if one.listen_port:
        words.append(f"port {one.listen_port}")
    return " · ".join(word for word in words if word)


def _row(peer: TunnelStatus) -> tuple[Piece, ...]:
    state = peer.health.value
    keepalive = f"{peer.keepalive} s" if peer.keepalive else "–"
    return (
        peer.name,
        Styled(state, _COLOURS[state]),
        "never" if peer.handshake is None else f"{age_text(peer.handshake)} ago",
        peer.endpoint or "unknown yet",
        bytes_text(peer.received),
        bytes_text(peer.sent),
        f"{keepalive} lost" if state == "lost" else keepalive,
        ", ".join(peer.reaches) or "–",
    )


def age_text(seconds: float) -> str:
    """`7 s`, `3 min`, `5 h`, `2 d`."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"


def bytes_text(count: int) -> str:
    """`512 B`, `1.2 KiB`, `3.4 GiB`."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def _plain(value: Any) -> Any:
    """Enums as their words: what JSON can hold."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value.value if isinstance(value, Enum) else value
