"""`meshc deploy`: apply to nodes; what nobody confirms is put back by the node itself."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypedDict

import click

from meshc.cli.deploy_options import ask, chosen, deploy_options, with_password
from meshc.cli.failure import reported
from meshc.cli.topology_argument import TopologyCommand
from meshc.cli.views.page import say

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from meshc.build.pipeline import BuildComparison
    from meshc.deploy.connect.dial import Dialer
    from meshc.deploy.deploy_outcome import DeployOutcome
    from meshc.deploy.end_check import Traffic
    from meshc.deploy.plan.saved_plan import SavedPlan
    from meshc.deploy.plan.surroundings import Surroundings
    from meshc.deploy.plan.survey import Surveyed, Tell
    from meshc.deploy.plan.target import Target

EPILOG = """\b
Examples:
  meshc deploy mesh.yaml --all
  meshc deploy mesh.yaml home-server --window 120
  meshc plan mesh.yaml -o monday.plan && meshc deploy monday.plan

Exit code: 0 all nodes are as the build says, 1 a node is not (it runs what ran before), or a
foreign firewall keeps others from it.
"""


@click.command(cls=TopologyCommand, epilog=EPILOG)
@deploy_options
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--overwrite-drift", is_flag=True, help="What others changed there may be lost.")
@click.option(
    "--undo-newer",
    is_flag=True,
    help="What was deployed from another checkout, which this one does not follow, may be undone.",
)
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
    "--resume",
    is_flag=True,
    help="Where an earlier deploy is still under way, wait for its end; then do what is left.",
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
    left_out: tuple[str, ...],
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
    undo_newer: bool,
    window: float,
    skip_unreachable: bool,
    resume: bool,
    max_failures: int,
) -> None:
    """Bring the build of FILE to its nodes: plan, ask, stage, commit, verify, confirm.

    Without NODE, all nodes with a deploy.host; NODE may be a group or a site. FILE may be a plan
    that `plan -o` kept: nothing is asked then, nor done if anything has moved. Unless the new
    configuration is confirmed through a new connection, a node puts back what ran before by itself.
    What cuts the way to its own nodes goes first, at both ends in one moment; then relays,
    gateways and leaves.
    """
    from meshc.deploy.connect.dial import Dialer
    from meshc.deploy.plan.surroundings import surroundings

    saved = _saved(file, named=bool(nodes or left_out or everything))
    if saved is not None:
        file, nodes, yes = saved.topology, () if saved.whole else saved.names(), True
    dialer = Dialer(ssh_config, known_hosts, local=local, one_password=one_password)
    names = Names(nodes=nodes, left_out=left_out, everything=everything, undo_newer=undo_newer)
    targets, result = _targets(file, build, names, dialer, skip_unreachable=skip_unreachable)
    around = surroundings(result, whole=not (nodes or local))
    found = _asked(targets, around, dialer, parallel, resume=resume, as_json=as_json)
    if reason := (
        _refusals(found, skip_unreachable=skip_unreachable)
        or _moved(saved, found, around, skip_unreachable=skip_unreachable)
        or _drift(found, overwrite=overwrite_drift, yes=yes)
        or _unwanted(found, around, yes=yes)
    ):
        _stop(reason, found, around, as_json=as_json)
    limits = Limits(window=window, parallel=parallel, max_failures=max_failures)
    ends = _carry_out(found, around, dialer, limits, result, as_json=as_json)
    sys.exit(not all(end.good for end in ends) or any(one.obstructed for one in found))


def _saved(file: Path, *, named: bool) -> SavedPlan | None:
    """The plan that FILE is, if it is one."""
    from meshc.deploy.plan.saved_plan import read_plan

    saved = read_plan(file)
    if saved is not None and named:
        raise click.UsageError(f"which nodes are meant is said by the plan: {file}")
    return saved


def _asked(
    targets: list[Target],
    around: Surroundings,
    dialer: Dialer,
    parallel: int,
    *,
    resume: bool,
    as_json: bool,
) -> list[Surveyed]:
    """The nodes as they are, and what would happen, which is said."""
    from meshc.cli.views.deploy_view import print_plan
    from meshc.cli.views.progress import ProgressDisplay

    with ProgressDisplay() as progress:
        found = ask(targets, dialer, progress.step, parallel, resume=resume)
    if not as_json:
        print_plan(found, around)
    return found


class Names(TypedDict):
    """The nodes that are meant, as they were given."""

    nodes: tuple[str, ...]
    left_out: tuple[str, ...]
    everything: bool
    undo_newer: bool


class Limits(TypedDict):
    """What `roll_out` keeps to."""

    window: float
    parallel: int
    max_failures: int


def _carry_out(
    found: list[Surveyed],
    around: Surroundings,
    dialer: Dialer,
    limits: Limits,
    result: BuildComparison,
    *,
    as_json: bool,
) -> list[DeployOutcome]:
    """How it ended, which is said, and written down for the next deploy, of whoever does it."""
    from meshc.cli.views.deploy_view import outcomes_as_json, print_outcomes
    from meshc.cli.views.progress import ProgressDisplay
    from meshc.deploy.deploy_outcome import End
    from meshc.deploy.plan.surroundings import begin, keep

    if any(one.difference for one in found):
        begin(result, around)
    try:
        with ProgressDisplay(lines=not as_json) as progress:
            ends, traffic = asyncio.run(_roll_out(found, around, dialer, progress.step, limits))
    except KeyboardInterrupt:
        rest = f"nodes not yet confirmed put themselves back within {limits['window']:g} s."
        _stop(f"Interrupted: {rest}", found, around, as_json=as_json)
    if as_json:
        click.echo(outcomes_as_json(found, ends, traffic, around))
    else:
        print_outcomes(ends, traffic)
    gone = [end.node for end in ends if end.end is End.RETIRED]
    keep(result, around, [end.node for end in ends if end.good], gone)
    return ends


async def _roll_out(
    found: list[Surveyed],
    around: Surroundings,
    dialer: Dialer,
    tell: Tell,
    limits: Limits,
) -> tuple[list[DeployOutcome], list[Traffic]]:
    """How it ended, and what then goes through the tunnels between the nodes."""
    from meshc.deploy.end_check import measured
    from meshc.deploy.retirement import take_down
    from meshc.deploy.rollout import roll_out

    parallel = limits["parallel"]
    gone = await take_down(around.journal, around.left, dialer, tell, parallel=parallel)
    ends = await roll_out(found, dialer, tell, **limits)
    return [*gone, *ends], await measured(found, ends, dialer, tell, parallel=parallel)


def _targets(
    file: Path, build: Path | None, names: Names, dialer: Dialer, *, skip_unreachable: bool
) -> tuple[list[Target], BuildComparison]:
    """The targets; keys that only the nodes know are fetched first."""
    from meshc.deploy.remote_keys import fetch_keys

    def fetching() -> Coroutine[Any, Any, list[str]]:
        return fetch_keys(
            file,
            build,
            names["nodes"],
            dialer,
            left_out=names["left_out"],
            local=dialer.local,
            skip_unreachable=skip_unreachable,
        )

    for line in with_password(dialer, fetching):
        say(line, err=True)
    return chosen(
        file,
        build,
        names["nodes"],
        dialer,
        left_out=names["left_out"],
        everything=names["everything"],
        undo_newer=names["undo_newer"],
    )


def _refusals(found: list[Surveyed], *, skip_unreachable: bool) -> str:
    """Where something is in the way nothing is begun; empty: nothing is."""
    if any(one.refused and not (skip_unreachable and one.facts is None) for one in found):
        return "Nothing was changed."
    return ""


def _moved(
    saved: SavedPlan | None, found: list[Surveyed], around: Surroundings, *, skip_unreachable: bool
) -> str:
    """What was planned is done, or nothing."""
    if saved is None:
        return ""
    told = saved.moved(found, around.build, around.left, skip_unreachable=skip_unreachable)
    if not told:
        return ""
    return "\n".join((*told, "This is not what was planned; nothing was changed. Plan again."))


def _drift(found: list[Surveyed], *, overwrite: bool, yes: bool) -> str:
    """What somebody else changed on a node is never overwritten without a word."""
    drifted = [one.target.name for one in found if one.difference.drift and one.difference]
    if not drifted or overwrite:
        return ""
    names = ", ".join(drifted)
    if yes or not sys.stdin.isatty():
        return f"{names}: changed by somebody else. Nothing was changed; --overwrite-drift does it."
    if click.confirm(f"Overwrite what somebody else changed on {names}?", err=True):
        return ""
    return "Nothing was changed."


def _unwanted(found: list[Surveyed], around: Surroundings, *, yes: bool) -> str:
    if yes or not (around or any(one.difference for one in found)):
        return ""
    if not sys.stdin.isatty():
        return "Nothing was changed: without a terminal, --yes says that this is meant."
    return "" if click.confirm("Apply this?", err=True) else "Nothing was changed."


def _stop(message: str, found: list[Surveyed], around: Surroundings, *, as_json: bool) -> NoReturn:
    """The plan is all that there is to say of the nodes."""
    from meshc.cli.views.deploy_view import plan_as_json

    if as_json:
        click.echo(plan_as_json(found, around))
    say(message, err=True)
    sys.exit(1)
