"""`meshc nat`: what the NATs of two nodes are, by the relays, and whether they could be direct."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from meshc.cli.failure import reported
from meshc.cli.json_option import json_option
from meshc.cli.ssh_options import ssh_options
from meshc.cli.topology_argument import TopologyCommand
from meshc.cli.views.page import say


@click.command(cls=TopologyCommand, epilog="Example: meshc nat mesh.yaml laptop nas")
@click.argument("file", metavar="[FILE]", type=click.Path(path_type=Path))
@click.argument("one", metavar="A")
@click.argument("other", metavar="B")
@ssh_options
@json_option
@reported
def nat(
    file: Path,
    one: str,
    other: str,
    ssh_config: Path | None,
    known_hosts: Path | None,
    as_json: bool,
) -> None:
    """Measure the NATs of two nodes, and say whether they could be direct.

    Asks the relays over SSH where they see the two (and the two themselves, where the topology
    says how they are reached), and decides by that, by `direct`, `links` and `policies`.

    Exit code: 0 they are direct or can be, 1 they stay with the relays, 2 no relay sees one.
    """
    from meshc.build.topology_file import read_spec
    from meshc.deploy.connect.dial import Dialer
    from meshc.deploy.fleet_status import ask_fleet
    from meshc.deploy.nat_measurement import measure_pair
    from meshc.diagnostics import Diagnostics
    from meshc.errors import StateError
    from meshc.render.report.json import envelope

    spec = read_spec(file, Diagnostics())
    for name in (one, other):
        if name not in spec.nodes:
            raise StateError(f"{file} has no node {name!r}")
    asked = sorted({one, other, *(name for name, node in spec.nodes.items() if node.is_relay)})
    fleet = asyncio.run(ask_fleet(spec, Dialer(ssh_config, known_hosts), asked))
    found = measure_pair(spec, fleet, one, other)
    ends = (found.one, found.other)
    if as_json:
        nodes = {
            end.name: {"said": end.said.value, "seen": {r: str(e) for r, e in end.seen.items()},
                       "symmetric": end.varies}
            for end in ends
        }  # fmt: skip
        click.echo(envelope({"nodes": nodes, "meets": found.meets, "verdict": found.verdict}))
    else:
        for end in ends:
            say(f"{end.name} (nat: {end.said.value} in the file): {end.words}")
        say(f"{one} ↔ {other}: {found.verdict}")
        for view in fleet.nodes.values():
            if view.trouble:
                say(f"{view.name} did not answer: {view.trouble}", err=True)
    if not all(end.seen for end in ends):
        sys.exit(2)
    sys.exit(0 if found.meets else 1)
