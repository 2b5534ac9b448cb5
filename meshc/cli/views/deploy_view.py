"""What `plan` and `deploy` print: the plan, and how it ended."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from meshc.cli.views.build_report import print_findings
from meshc.cli.views.page import Styled, standard_page
from meshc.deploy.deploy_outcome import DeployOutcome, End
from meshc.deploy.plan.waves import waves
from meshc.render.report.json import as_dict, envelope
from meshc.render.report.text import visible

if TYPE_CHECKING:
    from meshc.deploy.plan.survey import Surveyed
    from meshc.diagnostics import Diagnostic

_WIDEST, _MOST_LINES = 2000, 20
_COLOURS = {End.UNCHANGED: "dim", End.COMMITTED: "green", End.SKIPPED: "yellow"}


def print_plan(found: list[Surveyed]) -> None:
    """What would change on each node, in the order of the waves, and what is in the way."""
    page = standard_page()
    by_name = {one.target.name: one for one in found}
    for wave in waves(one.target.plan for one in found):
        for name in wave:
            one = by_name[name]
            if one.facts is None:
                page.line(Styled(f"{name}: not known", "red"))
                continue
            first, *rest = one.difference.describe()
            page.line(Styled(_said(first), "bold" if one.difference else "dim"))
            for line in rest:
                page.line(_said(line))
    changing = sum(1 for one in found if one.difference)
    if changing:
        page.line(f"{changing} of {len(found)} nodes change.")
    elif not any(one.refused for one in found):
        page.line(f"Nothing to change: {len(found)} of {len(found)} nodes are up to date.")
    print_findings([f for one in found for f in one.findings], err=True)


def print_outcomes(ends: list[DeployOutcome]) -> None:
    """One line a node, and what to do where it did not go well."""
    if all(end.end is End.UNCHANGED for end in ends):
        return
    page = standard_page()
    for end in ends:
        page.line(f"{end.node}: ", Styled(end.end.value, _COLOURS.get(end.end, "red")))
        if end.message:
            page.line(f"  {_said(end.message)}")
        if end.hint and not end.good:
            page.line(f"  hint: {_said(end.hint)}")


def _said(text: str) -> str:
    """A line with words of a node in it, which no terminal takes for anything but words."""
    return "\n  ".join(visible(line[:_WIDEST]) for line in text.splitlines()[:_MOST_LINES])


def plan_as_json(found: list[Surveyed]) -> str:
    return envelope({"nodes": [_plan_row(one) for one in found]}, _findings(found))


def outcomes_as_json(found: list[Surveyed], ends: list[DeployOutcome]) -> str:
    rows = []
    for one, end in zip(found, ends, strict=True):
        rows.append({**_plan_row(one), **asdict(end), "end": end.end.name.lower()})
    return envelope({"nodes": rows}, _findings(found))


def _findings(found: list[Surveyed]) -> list[Diagnostic]:
    return [finding for one in found for finding in one.findings]


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
