"""What `plan` and `deploy` print: the plan, the steps while they happen, how it ended."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from meshc.cli.views.build_report import print_findings
from meshc.deploy.plan.waves import waves
from meshc.deploy.rollout import DeployOutcome, End
from meshc.render.report.json import as_dict

if TYPE_CHECKING:
    from meshc.deploy.plan.survey import Surveyed

_COLOURS = {End.UNCHANGED: "dim", End.COMMITTED: "green", End.SKIPPED: "yellow"}


class Steps:
    """Called with a node and its step. A table that moves on a terminal, lines elsewhere; `quiet`
    prints no lines."""

    def __init__(self, count: int, *, quiet: bool = False) -> None:
        self._now: dict[str, str] = {}
        self._console = Console(stderr=True, highlight=False)
        self._live = None
        self._quiet = quiet
        if self._console.is_terminal and count:
            self._live = Live(console=self._console, transient=True, refresh_per_second=8)

    def __enter__(self) -> Steps:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, node: str, step: str) -> None:
        self._now[node] = step
        if self._live is not None:
            table = Table(box=None, pad_edge=False, show_header=False)
            for name, word in list(self._now.items())[-30:]:
                table.add_row(Text(name), Text(word))
            self._live.update(table)
        elif not self._quiet:
            click.echo(f"{node}: {step}", err=True)


def print_plan(found: list[Surveyed]) -> None:
    """What would change on each node, in the order of the waves, and what is in the way."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    by_name = {one.target.name: one for one in found}
    for wave in waves(one.target.plan for one in found):
        for name in wave:
            one = by_name[name]
            if one.facts is None:
                console.print(Text(f"{name}: not known", style="red"))
                continue
            first, *rest = one.difference.describe()
            console.print(Text(first, style="bold" if one.difference else "dim"))
            for line in rest:
                console.print(Text(line), soft_wrap=True)
    changing = sum(1 for one in found if one.difference)
    if changing:
        console.print(f"{changing} of {len(found)} nodes change.")
    elif not any(one.refused for one in found):
        console.print(f"Nothing to change: {len(found)} of {len(found)} nodes are up to date.")
    print_findings([f for one in found for f in one.findings], err=True)


def print_outcomes(ends: list[DeployOutcome]) -> None:
    """One line a node, and what to do where it did not go well."""
    if all(end.end is End.UNCHANGED for end in ends):
        return
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    for end in ends:
        text = Text(f"{end.node}: ")
        text.append(end.end.value, style=_COLOURS.get(end.end, "red"))
        console.print(text)
        if end.message:
            console.print(Text(f"  {end.message}"), soft_wrap=True)
        if end.hint and not end.good:
            console.print(Text(f"  hint: {end.hint}"), soft_wrap=True)


def plan_as_json(found: list[Surveyed]) -> str:
    return json.dumps({"nodes": [_plan_row(one) for one in found]}, indent=2)


def outcomes_as_json(found: list[Surveyed], ends: list[DeployOutcome]) -> str:
    rows = []
    for one, end in zip(found, ends, strict=True):
        rows.append({**_plan_row(one), **asdict(end), "end": end.end.name.lower()})
    return json.dumps({"nodes": rows}, indent=2)


def _plan_row(one: Surveyed) -> dict[str, Any]:
    choice = one.difference.choice
    return {
        "node": one.target.name,
        "known": one.facts is not None,
        "cost": one.difference.cost.name.lower(),
        "by": choice.supervisor.value if choice else "",
        "changes": list(one.difference.changes),
        "drift": list(one.difference.drift),
        "rescan": list(one.difference.rescan),
        "findings": [as_dict(found) for found in one.findings],
    }
