"""`meshc doctor`: what is in the way on the machines under the nodes, and what to do."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from meshc.cli.deploy_options import ask, chosen, deploy_options
from meshc.cli.failure import reported
from meshc.cli.topology_argument import TopologyCommand

EPILOG = """\b
Examples:
  meshc doctor
  meshc doctor mesh.yaml hub --local    # on the hub itself

Exit code: 0 nothing is in the way, 1 something is, or a node could not be asked.
"""


@click.command(cls=TopologyCommand, epilog=EPILOG)
@deploy_options
@reported
def doctor(
    file: Path,
    nodes: tuple[str, ...],
    left_out: tuple[str, ...],
    everything: bool,
    local: bool,
    build: Path | None,
    ssh_config: Path | None,
    known_hosts: Path | None,
    one_password: bool,
    parallel: int,
    as_json: bool,
) -> None:
    """Look at the machines of the nodes of FILE: firewalls, ports, routes, MTU, tools, disk, clock.

    Without NODE, all nodes with a deploy.host. Nothing is changed anywhere. `plan` and `deploy`
    look at the same.
    """
    from meshc.cli.views.doctor_view import examined, examined_as_json, print_examined
    from meshc.cli.views.progress import ProgressDisplay
    from meshc.deploy.connect.dial import Dialer

    dialer = Dialer(ssh_config, known_hosts, local=local, one_password=one_password)
    targets, _ = chosen(file, build, nodes, dialer, left_out=left_out, everything=everything)
    with ProgressDisplay() as progress:
        found = examined(ask(targets, dialer, progress.step, parallel))
    if as_json:
        click.echo(examined_as_json(found))
    else:
        print_examined(found)
    sys.exit(any(one.findings for one in found))
