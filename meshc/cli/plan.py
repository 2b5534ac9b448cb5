"""`meshc plan`: what a deploy would change, without changing it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from meshc.cli.deploy_options import ask, chosen, deploy_options
from meshc.cli.failure import reported
from meshc.cli.topology_argument import TopologyCommand
from meshc.cli.views.page import say

CHANGES = 3
EPILOG = """\b
Example: meshc plan mesh.yaml

Exit code: 0 nothing to change, 3 there are changes, 1 something is in the way.
"""


@click.command(cls=TopologyCommand, epilog=EPILOG)
@deploy_options
@click.option("--diff", is_flag=True, help="Show files line by line; keys as fingerprints.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Keep the plan: `meshc deploy` of that file does this and nothing else.",
)
@reported
def plan(
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
    diff: bool,
    output: Path | None,
) -> None:
    """Show what `meshc deploy` would change on the nodes of FILE, and what that costs.

    Without NODE, all nodes with a deploy.host. Nothing is changed anywhere.
    """
    from meshc.cli.views.deploy_view import plan_as_json, print_plan
    from meshc.cli.views.progress import ProgressDisplay
    from meshc.deploy.connect.dial import Dialer
    from meshc.deploy.live_keys import still_live
    from meshc.deploy.plan.saved_plan import SavedPlan, keep_plan, planned
    from meshc.deploy.plan.surroundings import surroundings

    dialer = Dialer(ssh_config, known_hosts, local=local, one_password=one_password)
    targets, result = chosen(file, build, nodes, dialer, left_out=left_out, everything=everything)
    around = surroundings(result, whole=not (nodes or local))
    with ProgressDisplay() as progress:
        found = ask(targets, dialer, progress.step, parallel)
    live = still_live(result, found)
    if as_json:
        click.echo(plan_as_json(found, around, diff=diff, live=live))
    else:
        print_plan(found, around, diff=diff, live=live)
    if output is not None:
        keep_plan(
            output,
            SavedPlan(file, around.build, not (nodes or local), planned(found), around.left),
        )
        say(f"Next: meshc deploy {output}", err=True)
    if any(one.obstructed for one in found):
        sys.exit(1)
    sys.exit(CHANGES if around or any(one.difference for one in found) else 0)
