"""What `plan` and `deploy` print: the plan, and how it ended."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Any

from meshc.cli.views.build_report import print_findings, print_reach
from meshc.cli.views.page import Page, Styled, standard_page
from meshc.cli.views.policy_view import change_data
from meshc.deploy.deploy_outcome import DeployOutcome, End
from meshc.deploy.plan.file_patch import file_patch
from meshc.deploy.plan.joint_group import joint_group
from meshc.deploy.plan.waves import waves
from meshc.render.report.json import as_dict, envelope
from meshc.render.report.text import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from meshc.deploy.end_check import Traffic
    from meshc.deploy.live_keys import LiveKey
    from meshc.deploy.plan.surroundings import Surroundings
    from meshc.deploy.plan.survey import Surveyed
    from meshc.diagnostics import Diagnostic

_WIDEST, _MOST_LINES, _MOST_NAMES = 2000, 20, 20
_PATCH_COLOURS = {"+": "green", "-": "red", "@": "cyan"}
_COLOURS = {
    End.UNCHANGED: "dim",
    End.COMMITTED: "green",
    End.SKIPPED: "yellow",
    End.RETIRED: "green",
}


def print_plan(
    found: list[Surveyed],
    around: Surroundings | None = None,
    *,
    diff: bool = False,
    live: Sequence[LiveKey] = (),
) -> None:
    """What would change on each node, in the order of the waves, which keys that are nobody's any
    more are `live` there, and what is in the way."""
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
            if diff:
                _print_patch(page, one)
    together = [one.found.target.name for one in joint_group(found)]
    if together:
        page.line(f"In one moment, because the way there is what changes: {', '.join(together)}.")
    _print_around(around)
    print_live_keys(live)
    changing = sum(1 for one in found if one.difference)
    if changing:
        page.line(f"{changing} of {len(found)} nodes change.")
    elif not (around or any(one.refused for one in found)):
        page.line(f"Nothing to change: {len(found)} of {len(found)} nodes are up to date.")
    print_findings([f for one in found for f in one.findings], err=True)


def print_live_keys(live: Iterable[LiveKey]) -> None:
    page = standard_page()
    for one in live:
        page.line(Styled(visible(one.describe()), "yellow"))


def live_rows(live: Iterable[LiveKey]) -> list[dict[str, Any]]:
    """For programs."""
    return [{**asdict(one), "why": one.why.value} for one in live]


def _print_patch(page: Page, one: Surveyed) -> None:
    for line in _patch(one):
        page.line(Styled(visible(line), _PATCH_COLOURS.get(line[:1], "")))


def _patch(one: Surveyed) -> tuple[str, ...]:
    if one.facts is None or one.facts.sha == one.target.sha:
        return ()
    name = f"{one.facts.conf_dir.path}/{one.target.plan.interface}.conf"
    return file_patch(one.facts.conf, one.difference.wanted, name)


def _print_around(around: Surroundings | None) -> None:
    if around is None:
        return
    page = standard_page()
    for name in around.left:
        page.line(Styled(f"{name}: left the topology, and is taken down", "bold"))
    if around.by_hand:
        names = ", ".join(around.by_hand[:_MOST_NAMES])
        more = len(around.by_hand) - _MOST_NAMES
        rest = f" and {more} more" if more > 0 else ""
        page.line(f"By hand, because nobody logs in there: a new file for {names}{rest}.")
    print_reach(page, around.reach)


def print_outcomes(ends: list[DeployOutcome], traffic: list[Traffic]) -> None:
    """One line a node; what they have in common, and what to do, is said once."""
    if all(end.end is End.UNCHANGED for end in ends):
        return
    page = standard_page()
    for _, same in groupby(sorted(ends, key=_kind), _kind):
        ended = list(same)
        for end in ended:
            page.line(f"{end.node}: ", Styled(end.end.value, _COLOURS.get(end.end, "red")))
        if ended[0].message:
            page.line(f"  {_said(ended[0].message)}")
        if ended[0].hint and not ended[0].good:
            page.line(f"  hint: {_said(ended[0].hint)}")
    _print_traffic(traffic)


def _kind(end: DeployOutcome) -> tuple[int, str, str]:
    """What went well comes first."""
    return list(End).index(end.end), end.message, end.hint


def _print_traffic(traffic: list[Traffic]) -> None:
    pairs = sum(len(one.answered) + len(one.silent) for one in traffic)
    if not pairs:
        return
    page = standard_page()
    answered = sum(len(one.answered) for one in traffic)
    colour = "green" if answered == pairs else "yellow"
    page.line(Styled(f"{answered} of {pairs} pings through the tunnels were answered.", colour))
    for one in traffic:
        if one.silent:
            page.line(f"  {one.node}: no answer from {', '.join(one.silent)}")


def _said(text: str) -> str:
    """A line with words of a node in it, which no terminal takes for anything but words."""
    return "\n  ".join(visible(line[:_WIDEST]) for line in text.splitlines()[:_MOST_LINES])


def plan_as_json(
    found: list[Surveyed],
    around: Surroundings | None = None,
    *,
    diff: bool = False,
    live: Sequence[LiveKey] = (),
) -> str:
    rows = [
        {**_plan_row(one), "patch": [visible(line) for line in _patch(one)]}
        if diff
        else _plan_row(one)
        for one in found
    ]
    data = {"nodes": rows, **_around_row(around), "live_keys": live_rows(live)}
    return envelope(data, _findings(found))


def _around_row(around: Surroundings | None) -> dict[str, Any]:
    left, by_hand = (around.left, around.by_hand) if around else ((), ())
    reach = change_data(around.reach) if around else {}
    return {"left": list(left), "by_hand": list(by_hand), **reach}


def outcomes_as_json(
    found: list[Surveyed],
    ends: list[DeployOutcome],
    traffic: list[Traffic],
    around: Surroundings,
) -> str:
    rows = []
    left = [end for end in ends if end.node in around.left]
    ends = [end for end in ends if end.node not in around.left]
    seen = {one.node: {"answered": one.answered, "silent": one.silent} for one in traffic}
    for one, end in zip(found, ends, strict=True):
        row = {**_plan_row(one), **asdict(end), "end": end.end.name.lower()}
        rows.append({**row, "traffic": seen.get(end.node)})
    gone = [{**asdict(end), "end": end.end.name.lower()} for end in left]
    by_hand = list(around.by_hand)
    return envelope({"nodes": rows, "left": gone, "by_hand": by_hand}, _findings(found))


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
