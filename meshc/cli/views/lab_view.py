"""How a lab run looks on a terminal: the matrix, the checks, the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from meshc.lab.report.lab_report import KINDS, Cell, LabReport, axes, count

if TYPE_CHECKING:
    from collections.abc import Sequence

# Wider matrices than this are unreadable: then only what went wrong is listed.
MOST_COLUMNS = 16
MOST_REASONS = 8
COLOURS = {"direct": "green", "relayed": "cyan", "blocked": "yellow", "wrong": "bold red"}


def show_report(report: LabReport, console: Console | None = None) -> None:
    """Prints a report to standard output."""
    console = console or Console(highlight=False)
    sources, targets = axes(report.cells)
    if len(targets) <= MOST_COLUMNS:
        console.print(_matrix(report.cells, sources, targets))
        console.print(_legend(report))
    _blocked(report, console)
    if report.checks:
        console.print(_checks(report))
    for name, why in report.absent.items():
        console.print(Text(f"not in the lab: {name}: {why}", style="dim"))
    for remark in report.remarks:
        console.print(Text(f"note: {remark}", style="yellow"))
    failures = list(report.failures())
    for line in failures[:40]:
        console.print(Text(f"✗ {line}", style="red"))
    if len(failures) > 40:
        console.print(Text(f"... and {len(failures) - 40} more (--json lists all)", style="red"))
    console.print(_verdict(report))
    for step in report.next_steps():
        console.print(Text(f"  {step}"), soft_wrap=True)


def status_table(found: Mapping[str, Any], console: Console | None = None) -> None:
    """Prints one lab of `meshc lab status`."""
    console = console or Console(highlight=False)
    word = "up" if found["alive"] else "gone (meshc lab down removes it)"
    console.print(Text(f"{found['id']}: {word} · {found['file']} · {found['mode']}", style="bold"))
    if not found["nodes"]:
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("node", "engine", "sessions", "received", "sent"):
        table.add_column(title)
    for node in found["nodes"]:
        live = sum(peer["health"] == "live" for peer in node["peers"])
        table.add_row(
            node["name"],
            node["engine"] or "not up",
            f"{live} of {len(node['peers'])}",
            f"{sum(p['received'] for p in node['peers']):,} B",
            f"{sum(p['sent'] for p in node['peers']):,} B",
        )
    console.print(table)


def _matrix(cells: Sequence[Cell], sources: Sequence[str], targets: Sequence[str]) -> Table:
    """Rows send, columns receive; one mark per pair, both families in it."""
    by_pair: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        by_pair.setdefault((cell.key.source, cell.key.target), []).append(cell)
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("from \\ to", style="dim", no_wrap=True)
    for target in targets:
        table.add_column(target, justify="center", overflow="fold")
    for source in sources:
        row = [_mark(by_pair.get((source, target), [])) for target in targets]
        table.add_row(Text(source), *row)
    return table


def _mark(cells: Sequence[Cell]) -> Text:
    if not cells:
        return Text("·", style="dim")
    word = max((cell.kind for cell in cells), key=KINDS.index)
    times = [cell.measured.ms for cell in cells if cell.measured.ms is not None]
    speed = [cell.measured.mbit for cell in cells if cell.measured.mbit is not None]
    relays = max(cell.relays for cell in cells)
    text = {"wrong": "✗", "blocked": "–", "direct": "●", "relayed": f"○{relays}"}[word]
    if speed:
        text += f" {max(speed):.0f}M"
    elif times:
        text += f" {min(times):.1f}"
    return Text(text, style=COLOURS[word])


def _legend(report: LabReport) -> Text:
    text = Text("● direct  ", style="green")
    text.append("○ over relays  ", style="cyan")
    text.append("– blocked as proven  ", style="yellow")
    text.append("✗ not as proven  ", style="bold red")
    speed = any(cell.measured.mbit is not None for cell in report.cells)
    text.append("Mbit/s" if speed else "ms round trip", style="dim")
    return text


def _blocked(report: LabReport, console: Console) -> None:
    """Why pairs are blocked, each reason once."""
    reasons = report.blocked()
    for reason, keys in list(reasons.items())[:MOST_REASONS]:
        more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
        line = f"– {keys[0].source} → {keys[0].target}{more}: {reason}"
        console.print(Text(line, style="yellow"))
    if len(reasons) > MOST_REASONS:
        left = sum(len(keys) for keys in list(reasons.values())[MOST_REASONS:])
        console.print(Text(f"– {left} more pairs (--json says why)", style="yellow"))


def _checks(report: LabReport) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for _ in range(4):
        table.add_column(overflow="fold")
    for check in report.checks:
        mark = Text("✓", style="green") if check.passed else Text("✗", style="bold red")
        took = "" if check.seconds is None else f"{check.seconds:.1f} s"
        table.add_row(mark, Text(check.group, style="dim"), Text(check.name), Text(took))
    return table


def _verdict(report: LabReport) -> Text:
    total = count(report.cells)
    words = ", ".join(f"{number} {word}" for word, number in total.items() if number)
    engines = ", ".join(sorted(set(report.engines.values())))
    took = sum(report.seconds.get(name, 0.0) for name in ("up", "test"))
    line = (
        f"{report.network}: {len(report.cells)} pairs ({words}), "
        f"{len(report.checks)} checks, {len(report.engines)} nodes on {engines}, {took:.1f} s"
    )
    style = "bold green" if report.passed else "bold red"
    return Text(f"{report.verdict} · {line}", style=style)
