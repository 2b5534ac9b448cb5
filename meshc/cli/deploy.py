"""`meshc deploy`: apply to nodes; what nobody confirms is put back by the node itself."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypedDict

import click

from meshc.cli.deploy_options import ask, chosen, deploy_options, with_password
from meshc.cli.failure import refused_findings, reported
from meshc.cli.topology_argument import TopologyCommand

if TYPE_CHECKING:
    from meshc.deploy.connect.dial import Dialer
    from meshc.deploy.plan.survey import Surveyed
    from meshc.deploy.plan.target import Target

EPILOG = """\b
Examples:
  meshc deploy mesh.yaml --all
  meshc deploy mesh.yaml home-server --window 120

\b
Exit code: 0 all nodes are as the build says, 1 a node is not (it runs what ran before).
"""


@click.command(cls=TopologyCommand, epilog=EPILOG)
@deploy_options
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--overwrite-drift", is_flag=True, help="What others changed there may be lost.")
@click.option(
    "--window",
    type=click.FloatRange(5, 3600),
    default=60,
    show_default=True,
    help="Seconds after which a node that nobody confirmed puts itself back.",
)
@click.option(
    "--skip-unreachable", is_flag=True, help="Deploy to the others when a node cannot be asked."
)
@click.option(
    "--max-failures",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Go on to further nodes after so many have failed.",
)
@reported
def deploy(
    file: Path,
    nodes: tuple[str, ...],
    everything: bool,
    local: bool,
    build: Path | None,
    ssh_config: Path | None,
    known_hosts: Path | None,
    one_password: bool,
    parallel: int,
    as_json: bool,
    yes: bool,
    overwrite_drift: bool,
    window: float,
    skip_unreachable: bool,
    max_failures: int,
) -> None:
    """Bring the build of FILE to its nodes: plan, ask, stage, commit, verify, confirm.

    Without NODE, all nodes with a deploy.host. Each node keeps its own way back first: unless the
    new configuration is confirmed through a new connection, the node puts back what ran before,
    also when this program or its connection dies. Relays go first, then gateways, then leaves.
    """
    from meshc.cli.views.deploy_view import outcomes_as_json, print_outcomes, print_plan
    from meshc.cli.views.progress import ProgressDisplay
    from meshc.deploy.connect.dial import Dialer
    from meshc.deploy.rollout import roll_out

    dialer = Dialer(ssh_config, known_hosts, local=local, one_password=one_password)
    targets = _targets(file, build, nodes, dialer, everything=everything)
    with ProgressDisplay() as progress:
        found = ask(targets, dialer, progress.step, parallel)
    if not as_json:
        print_plan(found)
    _settle_refusals(found, skip_unreachable=skip_unreachable, as_json=as_json)
    _settle_drift(found, overwrite=overwrite_drift, yes=yes)
    _confirm(found, yes=yes)
    limits: Limits = {"window": window, "parallel": parallel, "max_failures": max_failures}
    try:
        with ProgressDisplay(lines=not as_json) as progress:
            ends = asyncio.run(roll_out(found, dialer, progress.step, **limits))
    except KeyboardInterrupt:
        _stop(f"Interrupted: nodes not yet confirmed put themselves back within {window:g} s.")
    if as_json:
        click.echo(outcomes_as_json(found, ends))
    else:
        print_outcomes(ends)
    sys.exit(0 if all(end.good for end in ends) else 1)


class Limits(TypedDict):
    """What `roll_out` keeps to."""

    window: float
    parallel: int
    max_failures: int


def _targets(
    file: Path, build: Path | None, nodes: tuple[str, ...], dialer: Dialer, *, everything: bool
) -> list[Target]:
    """The targets; keys that only the nodes know are fetched first."""
    from meshc.deploy.remote_keys import fetch_keys

    local = dialer.local
    with refused_findings():
        for line in with_password(
            dialer, lambda: fetch_keys(file, build, nodes, dialer, local=local)
        ):
            click.echo(line, err=True)
        return chosen(file, build, nodes, dialer, everything=everything)


def _settle_refusals(found: list[Surveyed], *, skip_unreachable: bool, as_json: bool) -> None:
    """Where something is in the way nothing is begun."""
    if any(one.refused and not (skip_unreachable and one.facts is None) for one in found):
        from meshc.cli.views.deploy_view import plan_as_json

        if as_json:
            click.echo(plan_as_json(found))
        _stop("Nothing was changed.")


def _settle_drift(found: list[Surveyed], *, overwrite: bool, yes: bool) -> None:
    """What somebody else changed on a node is never overwritten without a word."""
    drifted = [one.target.name for one in found if one.difference.drift and one.difference]
    if not drifted or overwrite:
        return
    names = ", ".join(drifted)
    if yes or not sys.stdin.isatty():
        _stop(f"{names}: changed by somebody else. Nothing was changed; --overwrite-drift does it.")
    if not click.confirm(f"Overwrite what somebody else changed on {names}?", err=True):
        _stop("Nothing was changed.")


def _confirm(found: list[Surveyed], *, yes: bool) -> None:
    if yes or not any(one.difference for one in found):
        return
    if not sys.stdin.isatty():
        _stop("Nothing was changed: without a terminal, --yes says that this is meant.")
    if not click.confirm("Apply this?", err=True):
        _stop("Nothing was changed.")


def _stop(message: str) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(1)
