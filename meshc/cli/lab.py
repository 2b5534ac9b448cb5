"""`meshc lab`: the whole network on this machine, measured against the proof."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING

import click

from meshc.cli.failure import polite_end, reported
from meshc.cli.json_option import json_option, tell
from meshc.cli.lab_options import NATS, read_options, world_options
from meshc.cli.topology_argument import TopologyCommand
from meshc.cli.views.progress import ProgressDisplay
from meshc.render.report.json import envelope

if TYPE_CHECKING:
    from meshc.lab.lab_source import LabSource
    from meshc.lab.report.lab_report import LabReport
    from meshc.lab.world.control import Lab
    from meshc.lab.world.layout_options import LayoutOptions

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
OUTPUT = click.Path(dir_okay=False, writable=True, path_type=Path)
EXAMPLE = "Example: meshc lab test mesh.yaml --engine mixed --html report.html"


@click.group(epilog=EXAMPLE)
def lab() -> None:
    """Run the network in namespaces on this machine.

    Every node of the file gets a namespace, every site a router with its kind of NAT, and real
    engines run the very files that `meshc build` emits. Nothing on the host is touched.
    """


@lab.command(
    cls=TopologyCommand,
    epilog="Example: meshc lab up mesh.yaml; meshc lab exec laptop -- ping -c1 10.44.0.1",
)
@click.argument("file", metavar="[FILE]", type=FILE)
@world_options
@json_option
@reported
def up(
    file: Path,
    engine: str,
    runner: str,
    build: Path | None,
    nats: tuple[str, ...],
    double_nat: tuple[str, ...],
    uplinks: tuple[str, ...],
    as_json: bool,
) -> None:
    """Build the network of FILE and leave it running."""
    from meshc.lab.lab_session import open_session
    from meshc.lab.world import lab_state

    with polite_end(), ProgressDisplay() as progress:
        source, options = _prepare(file, build, nats, read_options(double_nat, uplinks), progress)
        identity = lab_state.lab_id(file, source.spec.network.name)
        session = open_session(
            source,
            engine=engine,
            runner=runner,
            options=options,
            identity=identity,
            linked=False,
            tell=progress.stage,
        )
    for note in (*session.notes, *(f"{n}: {why}" for n, why in source.absent.items())):
        click.echo(f"note: {note}", err=True)
    if as_json:
        tell({"lab": identity, "nodes": sorted(session.engines), "seconds": session.seconds["up"]})
        return
    click.echo(
        f"lab {identity} is up: {len(session.engines)} nodes in {session.seconds['up']:.1f} s "
        f"({session.lab.state.mode})"
    )
    click.echo(f"meshc lab exec {min(session.engines)} -- wg; meshc lab down {file}")


@lab.command(cls=TopologyCommand, epilog=EXAMPLE)
@click.argument("file", metavar="[FILE]", type=FILE)
@world_options
@click.option("--kill", multiple=True, metavar="NODE", help="Cut this node off and measure again.")
@click.option("--agents", is_flag=True, help="Run the agents; --kill times what they do.")
@click.option("--recovery", is_flag=True, help="Time how NAT, address and engine changes heal.")
@click.option("--bandwidth", is_flag=True, help="iperf3 between every pair that is reached.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--html", type=OUTPUT, help="Write a report that needs nothing but a browser.")
@click.option("--junit", type=OUTPUT, help="Write JUnit XML for a CI.")
@reported
def test(
    file: Path,
    engine: str,
    runner: str,
    build: Path | None,
    nats: tuple[str, ...],
    double_nat: tuple[str, ...],
    uplinks: tuple[str, ...],
    kill: tuple[str, ...],
    agents: bool,
    recovery: bool,
    bandwidth: bool,
    as_json: bool,
    html: Path | None,
    junit: Path | None,
) -> None:
    """Build the network of FILE, measure every pair, compare with the proof, take it down.

    Exit code: 0 measured equals proven and `tests:` hold, 1 they do not, 2 the lab could not run, 3
    measured equals proven, and the network does not do what the topology asks.
    """
    from meshc.lab.lab_session import open_session
    from meshc.lab.report.report_html import render_html
    from meshc.lab.report.report_junit import render_junit
    from meshc.lab.run import run_test

    with polite_end(), ProgressDisplay() as progress:
        source, options = _prepare(file, build, nats, read_options(double_nat, uplinks), progress)
        _refuse_kills(kill, source, agents and runner != "meshc")
        session = open_session(
            source,
            engine=engine,
            runner=runner,
            options=options,
            tell=progress.stage,
            agents=agents,
        )
        with session.lab:
            report = run_test(
                session, kill=kill, recover=recovery, with_bandwidth=bandwidth, tell=progress.stage
            )
    if html is not None:
        html.write_text(render_html(report))
    if junit is not None:
        junit.write_text(render_junit(report))
    if as_json:
        click.echo(envelope(report.to_dict()))
    else:
        _show(report)
    sys.exit(report.code)


@lab.command(
    "exec",
    context_settings={"ignore_unknown_options": True},
    epilog="Example: meshc lab exec laptop -- ping -c3 10.44.0.1",
)
@click.argument("node")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--id", "identity", help="Which lab, when several are up.")
@json_option
@reported
def exec_(node: str, command: tuple[str, ...], identity: str | None, as_json: bool) -> None:
    """Run a program in NODE (or in a router: nat:SITE), with this terminal.

    Exit code: the program's own. With --json what it wrote is told when it has ended.
    """
    from meshc.lab.world.enter import run_inside

    running = _running(identity)
    if not as_json:
        sys.exit(run_inside(running, node, command))
    with TemporaryFile() as out, TemporaryFile() as err:
        code = run_inside(running, node, command, (out.fileno(), err.fileno()))
        texts = [_written(stream) for stream in (out, err)]
    tell(
        {
            "lab": running.state.id,
            "node": node,
            "command": command,
            "code": code,
            "stdout": texts[0],
            "stderr": texts[1],
        }
    )
    sys.exit(code)


def _written(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode(errors="surrogateescape")


@lab.command(epilog="Example: meshc lab status; meshc lab status --json | jq .")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@reported
def status(as_json: bool) -> None:
    """Show the labs that are up, and how their nodes do."""
    from meshc.cli.views.lab_view import status_table
    from meshc.cli.views.page import standard_page
    from meshc.lab.overview import overview
    from meshc.lab.world import lab_state
    from meshc.lab.world.control import attach

    found = []
    for known in lab_state.all_labs():
        running = attach(known.id)
        found.append(overview(known, running))
    if as_json:
        click.echo(envelope({"labs": found}))
    elif not found:
        click.echo("no lab is up (`meshc lab up FILE` starts one)")
    else:
        for one in found:
            status_table(standard_page(), one)


@lab.command(epilog="Example: meshc lab down mesh.yaml; meshc lab down --all")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--id", "identity", help="Which lab, as `meshc lab status` names it.")
@click.option("--all", "everything", is_flag=True, help="Every lab of this user.")
@json_option
@reported
def down(file: Path | None, identity: str | None, everything: bool, as_json: bool) -> None:
    """Take a lab down: FILE's, or the only one; leftovers of killed labs are removed as well."""
    from meshc.errors import StateError
    from meshc.lab.world import lab_state

    leftovers = list(lab_state.leftovers())
    for name in leftovers:
        lab_state.forget(name)
        if not as_json:
            click.echo(f"removed what was left of lab {name}")
    labs = list(lab_state.all_labs())
    if identity is not None:
        wanted = [found for found in labs if found.id == identity]
    elif everything:
        wanted = labs
    else:  # a lab that belongs to a command, such as `lab test`, goes down with that
        wanted = [found for found in labs if not found.linked]
        if file is not None:
            wanted = [found for found in wanted if found.file == str(file.resolve())]
        elif len(wanted) > 1:
            names = ", ".join(found.id for found in wanted)
            raise StateError("several labs are up", hint=f"choose one with --id: {names}")
    for found in wanted:
        lab_state.take_down(found)
        if not as_json:
            click.echo(f"lab {found.id} is down")
    if as_json:
        tell({"down": [found.id for found in wanted], "leftovers": leftovers})
    elif not wanted and not leftovers:
        click.echo("no such lab is up", err=True)


@lab.command(epilog="Example: meshc lab capture home home.pcap --seconds 10")
@click.argument("link")
@click.argument("output", metavar="FILE.pcap", type=OUTPUT)
@click.option("--id", "identity", help="Which lab, when several are up.")
@click.option("--seconds", type=click.FloatRange(0.1), help="Stop after so long.")
@click.option("--packets", type=click.IntRange(1), help="Stop after so many.")
@json_option
@reported
def capture(
    link: str,
    output: Path,
    identity: str | None,
    seconds: float | None,
    packets: int | None,
    as_json: bool,
) -> None:
    """Write the packets of LINK to a file, until Ctrl-C.

    LINK is a node or site (its uplink), or NODE:INTERFACE (inside the tunnel).
    """
    from meshc.lab.probe.capture import listen, write_packets

    with listen(_running(identity), link) as tap, output.open("wb") as stream:
        count = write_packets(tap, stream, seconds=seconds, packets=packets)
    if as_json:
        tell({"file": str(output), "packets": count})
    else:
        click.echo(f"{count} packets in {output}")


def _running(identity: str | None) -> Lab:
    from meshc.errors import NodeError
    from meshc.lab.world import lab_state
    from meshc.lab.world.control import attach

    labs = [found for found in lab_state.all_labs() if found.alive]
    if identity is not None:
        labs = [found for found in labs if found.id == identity]
    elif not all(found.linked for found in labs):
        labs = [found for found in labs if not found.linked]
    if len(labs) != 1:
        names = ", ".join(found.id for found in labs)
        what = "several labs are up" if labs else "no such lab is up"
        raise NodeError(
            what, hint=f"choose one with --id: {names}" if labs else "meshc lab up FILE"
        )
    found = attach(labs[0].id)
    if found is None:
        raise NodeError(f"lab {labs[0].id} has just ended")
    return found


def _prepare(
    file: Path,
    build: Path | None,
    nats: tuple[str, ...],
    options: LayoutOptions,
    progress: ProgressDisplay,
) -> tuple[LabSource, LayoutOptions]:
    """The network as it is to be played; a network that does not build ends the command."""
    from meshc.cli.views.build_report import print_refusal
    from meshc.diagnostics import Diagnostics
    from meshc.errors import Refused
    from meshc.lab.fit import check_fit
    from meshc.lab.lab_source import prepare, with_nats
    from meshc.topology.language.spec import Nat

    kinds = {}
    for text in nats:
        name, _, kind = text.partition("=")
        if kind not in NATS:
            raise click.UsageError(f"--nat {text}: KIND is one of {', '.join(NATS)}")
        kinds[name] = Nat(kind)
    try:
        source = with_nats(prepare(file, build, progress.stage), kinds)
        diagnostics = Diagnostics()
        check_fit(source.spec, options, kinds, diagnostics)
        diagnostics.barrier()
    except Refused as refused:
        progress.clear()
        print_refusal(refused)
        sys.exit(2)
    return source, options


def _refuse_kills(kill: tuple[str, ...], source: LabSource, without_meshc: bool) -> None:
    for name in kill:
        if name not in source.confs:
            raise click.UsageError(f"--kill {name}: there is no such node in the lab")
    if without_meshc:
        raise click.UsageError("--agents: agents belong to `--runner meshc`")


def _show(report: LabReport) -> None:
    from meshc.cli.views.lab_view import show_report
    from meshc.cli.views.page import standard_page

    show_report(standard_page(), report)
