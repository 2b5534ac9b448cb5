"""The proof on a terminal: a matrix while it can be read, numbers above that."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from meshc.topology.proof import Proof

AUTOMATIC = 20
READABLE = 40
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def print_proof(proof: Proof, *, matrix: bool | None = None) -> None:
    """The matrix if asked for (or if it is small), what relays carry, and the verdict."""
    # a pipe has no width: rows must not be cut at 80 columns there
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    wanted = len(proof.names) <= AUTOMATIC if matrix is None else matrix
    if wanted and 1 < len(proof.names) <= READABLE:
        _print_matrix(console, proof)
    elif wanted and len(proof.names) > READABLE:
        _print_worst(console, proof)
    _print_relays(console, proof)
    _print_verdict(console, proof)


def _print_matrix(console: Console, proof: Proof) -> None:
    letters = {
        failure.relay: _LETTERS[n % len(_LETTERS)] for n, failure in enumerate(proof.failures)
    }
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("from \\ to")
    for number in range(1, len(proof.names) + 1):
        table.add_column(str(number), justify="center")
    for number, source in enumerate(proof.names, 1):
        cells = [_cell(proof, source, target, letters) for target in proof.names]
        table.add_row(Text(f"{number} {source}"), *cells)
    console.print(table)
    key = "".join(f", {letter} through {name}" for name, letter in letters.items())
    console.print(Text(f"● direct{key}, × lost, ◐ lost in one family", style="dim"))
    console.print()


def _cell(proof: Proof, source: str, target: str, letters: dict[str, str]) -> Text:
    if source == target:
        return Text("")
    hops = [proof.hops(source, target, family) for family in proof.families]
    spoken = [h for h in hops if h >= 0]
    if not spoken:
        return Text("–", style="dim")
    if not any(spoken):
        return Text("×", style="bold red")
    if not all(spoken):
        return Text("◐", style="bold red")
    if max(spoken) == 1:
        return Text("●", style="green")
    family = next(f for f, h in zip(proof.families, hops, strict=True) if h > 1)
    path = proof.path(source, target, family) or ()
    return Text("".join(letters.get(name, "?") for name in path[1:-1]), style="yellow")


def _print_worst(console: Console, proof: Proof) -> None:
    """Who loses most, where a matrix would be too large to read."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("node", "reaches", "lost"):
        table.add_column(title, justify="left" if title == "node" else "right")
    rows = []
    for source in proof.names:
        hops = [
            proof.hops(source, target, family)
            for family in proof.families
            for target in proof.names
            if target != source
        ]
        lost = sum(h == 0 for h in hops)
        if lost:
            rows.append((lost, source, sum(h > 0 for h in hops)))
    for lost, source, reached in sorted(rows, reverse=True)[:READABLE]:
        table.add_row(Text(source), f"{reached:,}", f"{lost:,}")
    if rows:
        console.print(table)
        console.print()


def _print_relays(console: Console, proof: Proof) -> None:
    if not proof.failures:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("if it dies")
    table.add_column("pairs lost", justify="right")
    table.add_column("no other way", justify="right")
    table.add_column("for example", overflow="fold")
    for failure in proof.failures:
        examples = ", ".join(f"{a} → {b}" for a, b in failure.examples[:2])
        table.add_row(
            Text(failure.relay), f"{failure.pairs:,}", f"{failure.stranded:,}", Text(examples)
        )
    console.print(table)
    console.print()


def _print_verdict(console: Console, proof: Proof) -> None:
    for family, matrix in proof.matrices.items():
        total, delivered, direct = matrix.counts
        verdict = (
            "[green]all arrive[/]" if total == delivered else f"[red]{total - delivered:,} lost[/]"
        )
        console.print(
            f"IPv{family}: {total:,} ordered pairs, {verdict}; {direct:,} direct, "
            f"{delivered - direct:,} through relays."
        )
    word = "[bold green]The proof holds.[/]" if proof.holds else "[bold red]The proof fails.[/]"
    console.print(word)
