"""`meshc expire`: which nodes leave the network soon, for people and for cron."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from meshc.cli.duration import DAY, Duration
from meshc.cli.failure import reported
from meshc.cli.topology_argument import TopologyCommand
from meshc.render.report.json import envelope

DUE = 3
EPILOG = """\b
Example, in a crontab, which mails what is printed:
  0 7 * * 1  cd /srv/mesh && meshc expire --within 30d

Exit code: 0 nobody, and then nothing is printed, 3 somebody.
"""


@click.command(cls=TopologyCommand, epilog=EPILOG)
@click.argument("file", metavar="[FILE]", type=click.Path(path_type=Path))
@click.option(
    "--within",
    type=Duration(DAY, 3650 * DAY),
    default="30d",
    show_default=True,
    help="So long ahead.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@reported
def expire(file: Path, within: int, as_json: bool) -> None:
    """Say which nodes are past their `expires:` day, or will be soon.

    Those past it are in no file that a build writes, and run on with the files that they have
    until they are deployed to, or their peers are.
    """
    from datetime import UTC, datetime, timedelta

    from meshc.build.last_days import expiring
    from meshc.build.topology_file import read_spec
    from meshc.diagnostics import Diagnostics

    spec = read_spec(file, Diagnostics())
    found = expiring(spec, datetime.now(UTC).date(), timedelta(seconds=within))
    if as_json:
        rows = [
            {"node": one.node, "last_day": one.last_day.isoformat(), "days_left": one.left}
            for one in found
        ]
        click.echo(envelope({"expiring": rows}))
    else:
        for one in found:
            click.echo(f"{one.node}: {_told(one.left)} ({one.last_day})")
        if found:
            click.echo("Set a later `expires:` there, or take them out: meshc remove NODE")
        elif sys.stdout.isatty():  # cron mails what is printed
            click.echo(f"Nobody's last day is within {within // DAY} days.")
    sys.exit(DUE if found else 0)


def _told(left: int) -> str:
    if left < 0:
        return "expired yesterday" if left == -1 else f"expired {-left} days ago"
    return {0: "today is the last day", 1: "tomorrow is the last day"}.get(
        left, f"{left} days are left"
    )
