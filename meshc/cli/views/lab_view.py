"""How a lab run looks on a terminal: the matrix, the checks, the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from meshc.cli.views.page import Column, Page, Piece, Styled
from meshc.lab.report.lab_report import (
    KINDS,
    Cell,
    LabReport,
    axes,
    count,
    named,
    pairs_in_words,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

# Wider matrices than this are unreadable: then only what went wrong is listed.
MOST_COLUMNS = 16
MOST_REASONS = 8
MOST_FAILURES = 40
MOST_NAMED = 3
COLOURS = {
    "direct": "green",
    "relayed": "cyan",
    "blocked": "yellow",
    "broken": "red",
    "wrong": "bold red",
}


def show_report(page: Page, report: LabReport) -> None:
    """The whole report."""
    sources, targets = axes(report.cells)
    if len(targets) <= MOST_COLUMNS:
        _matrix(page, report.cells, sources, targets)
        _legend(page, report)
    _blocked(page, report)
    if report.checks:
        _checks(page, report)
    for name, why in report.absent.items():
        page.line(Styled(f"not in the lab: {name}: {why}", "dim"))
    for remark in report.remarks:
        page.line(Styled(f"note: {remark}", "yellow"))
    failures = report.failure_groups()
    for problem, keys in failures[:MOST_FAILURES]:
        pairs = f"{named(keys, MOST_NAMED)}: " if keys else ""
        page.line(Styled(f"✗ {pairs}{problem}", "red"))
    if len(failures) > MOST_FAILURES:
        left = len(failures) - MOST_FAILURES
        page.line(Styled(f"... and {left} more (--json lists all)", "red"))
    _verdict(page, report)
    for step in report.next_steps():
        page.line(f"  {step}")


def status_table(page: Page, found: Mapping[str, Any]) -> None:
    """One lab of `meshc lab status`."""
    word = "up" if found["alive"] else "gone (meshc lab down removes it)"
    page.line(Styled(f"{found['id']}: {word} · {found['file']} · {found['mode']}", "bold"))
    if not found["nodes"]:
        return
    titles = ("node", "engine", "sessions", "received", "sent")
    page.table([Column(title) for title in titles], map(_status_row, found["nodes"]))


def _status_row(node: Mapping[str, Any]) -> tuple[str, ...]:
    live = sum(peer["health"] == "live" for peer in node["peers"])
    return (
        node["name"],
        node["engine"] or "not up",
        f"{live} of {len(node['peers'])}",
        f"{sum(p['received'] for p in node['peers']):,} B",
        f"{sum(p['sent'] for p in node['peers']):,} B",
    )


def _matrix(
    page: Page, cells: Sequence[Cell], sources: Sequence[str], targets: Sequence[str]
) -> None:
    """Rows send, columns receive; one mark per pair, both families in it."""
    by_pair: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        by_pair.setdefault((cell.key.source, cell.key.target), []).append(cell)
    columns = [Column("from \\ to"), *(Column(target, "center", fold=True) for target in targets)]
    page.table(
        columns,
        (
            [source, *(_mark(by_pair.get((source, target), [])) for target in targets)]
            for source in sources
        ),
    )


def _mark(cells: Sequence[Cell]) -> Piece:
    if not cells:
        return Styled("·", "dim")
    word = max((cell.kind for cell in cells), key=KINDS.index)
    times = [cell.measured.ms for cell in cells if cell.measured.ms is not None]
    speed = [cell.measured.mbit for cell in cells if cell.measured.mbit is not None]
    relays = max(cell.relays for cell in cells)
    text = {"wrong": "✗", "broken": "!", "blocked": "–", "direct": "●", "relayed": f"○{relays}"}[
        word
    ]
    if speed:
        text += f" {max(speed):.0f}M"
    elif times:
        text += f" {min(times):.1f}"
    return Styled(text, COLOURS[word])


def _legend(page: Page, report: LabReport) -> None:
    speed = any(cell.measured.mbit is not None for cell in report.cells)
    page.line(
        Styled("● direct  ", "green"),
        Styled("○ over relays  ", "cyan"),
        Styled("– blocked as proven  ", "yellow"),
        *([Styled("! broken, as proven  ", "red")] if report.broken() else []),
        Styled("✗ not as proven  ", "bold red"),
        Styled("Mbit/s" if speed else "ms round trip", "dim"),
    )


def _blocked(page: Page, report: LabReport) -> None:
    """Why pairs are blocked, each reason once."""
    reasons = report.blocked()
    for reason, keys in list(reasons.items())[:MOST_REASONS]:
        more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
        line = f"– {keys[0].source} → {keys[0].target}{more}: {reason}"
        page.line(Styled(line, "yellow"))
    if len(reasons) > MOST_REASONS:
        left = sum(len(keys) for keys in list(reasons.values())[MOST_REASONS:])
        page.line(Styled(f"– {left} more pairs (--json says why)", "yellow"))


def _checks(page: Page, report: LabReport) -> None:
    page.table(
        [Column("", fold=True)] * 4,
        [
            (
                Styled("✓", "green") if check.passed else Styled("✗", "bold red"),
                Styled(check.group, "dim"),
                check.name,
                "" if check.seconds is None else f"{check.seconds:.1f} s",
            )
            for check in report.checks
        ],
    )


def _verdict(page: Page, report: LabReport) -> None:
    total = count(report.cells)
    words = ", ".join(f"{number} {word}" for word, number in total.items() if number)
    engines = ", ".join(sorted(set(report.engines.values())))
    took = sum(report.seconds.get(name, 0.0) for name in ("up", "test"))
    line = (
        f"{report.network}: {pairs_in_words(report.cells)} ({words}), "
        f"{len(report.checks)} checks, {len(report.engines)} nodes on {engines}, {took:.1f} s"
    )
    style = "bold green" if report.passed else "bold red"
    page.line(Styled(f"{report.verdict} · {line}", style))
