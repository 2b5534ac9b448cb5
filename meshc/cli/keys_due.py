"""Whose keys are due: older than the time after which they shall be changed."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from meshc.cli.duration import DAY
from meshc.render.report.json import envelope

if TYPE_CHECKING:
    from meshc.keystore.rotation import KeyInfo

DUE = 3


def say_due(keys: Iterable[KeyInfo], every: int, *, as_json: bool) -> None:
    """Names the nodes whose key was written here more than `every` seconds ago, the oldest first,
    and those whose age nobody here knows. Exits with 3 when there is one of the former."""
    now = time.time()
    kept = list(keys)
    unknown = [one.node for one in kept if one.created is None and one.public_key is not None]
    ages = sorted(
        ((int(now - one.created) // DAY, one.node) for one in kept if one.created is not None),
        key=lambda aged: (-aged[0], aged[1]),
    )
    due = [(days, node) for days, node in ages if days * DAY >= every]
    if as_json:
        rows = [{"node": node, "days": days} for days, node in due]
        click.echo(envelope({"due": rows, "unknown": unknown}))
    else:
        for days, node in due:
            click.echo(f"{node}: {days} days")
        if unknown:
            names = ", ".join(unknown)
            click.echo(f"How old the keys are that are kept elsewhere is not known: {names}")
        if due:
            names = " ".join(node for _, node in due)
            click.echo(f"Next: meshc keys rotate {names}")
        elif sys.stdout.isatty():  # cron mails what is printed
            click.echo(f"No key here is {every // DAY} days old.")
    sys.exit(DUE if due else 0)
