"""`meshc build`: compile a file, prove the result, write it, and say what to do next."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import click

from meshc.cli.failure import reported
from meshc.cli.identity_option import identity_option
from meshc.cli.topology_argument import TopologyCommand

if TYPE_CHECKING:
    from meshc.build.pipeline import BuildResult
    from meshc.build.worker import Worker

PATIENCE = 1.0
"""Seconds before a build tells what it does: most are done by then."""
REFUSED = 1


@click.command(cls=TopologyCommand, epilog="Example: meshc build mesh.yaml -o /tmp/build")
@click.argument("file", metavar="[FILE]", type=click.Path(path_type=Path))
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), help="Where to (default: build/ beside FILE)."
)
@click.option("--dry-run", is_flag=True, help="Do everything but write.")
@click.option("--new-lock", is_flag=True, help="Go on without the lock file of an earlier build.")
@click.option(
    "--encrypt",
    is_flag=True,
    help="Write files with keys as .age, each encrypted to the `recipient` of its node.",
)
@click.option("--all", "everything", is_flag=True, help="Print long tables in full.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
@identity_option
@reported
def build(
    worker: Worker | None,
    file: Path,
    out: Path | None,
    dry_run: bool,
    new_lock: bool,
    encrypt: bool,
    everything: bool,
    as_json: bool,
) -> None:
    """Compile FILE into configurations that are proven to work.

    Writes NODE/INTERFACE.conf for every node, hosts and manifest.json. Keys are made in keys/
    beside FILE, addresses are kept in its lock file. Nothing is written unless every file has
    been read back and every pair of nodes checked. Exit code 1: the file has errors.
    """
    with ExitStack() as stack:
        if worker is not None:
            stack.callback(worker.close)
            worker.read(file)  # before all other imports: the two processes work side by side
        kind = Kind(out=out, dry_run=dry_run, new_lock=new_lock, encrypt=encrypt)
        result = _build(worker, file, kind, as_json=as_json)
    from meshc.cli.views.build_report import print_findings, print_report, report_as_json

    if as_json:
        print_findings(result.findings, err=True)
        click.echo(report_as_json(result))
    else:
        print_report(result, everything=everything)


class Kind(TypedDict):
    """What is built, and where to."""

    out: Path | None
    dry_run: bool
    new_lock: bool
    encrypt: bool


def _build(worker: Worker | None, file: Path, kind: Kind, *, as_json: bool) -> BuildResult:
    """Ends the command when the build is refused."""
    from meshc.build.pipeline import compile_file
    from meshc.cli.views.progress import ProgressDisplay
    from meshc.errors import Refused

    try:
        with ProgressDisplay(patience=PATIENCE) as progress:
            return compile_file(file, progress=progress.stage, worker=worker, **kind)
    except Refused as refused:
        from meshc.cli.views.build_report import print_refusal, refusal_as_json

        if as_json:
            click.echo(refusal_as_json(refused))
        print_refusal(refused)
        sys.exit(REFUSED)
