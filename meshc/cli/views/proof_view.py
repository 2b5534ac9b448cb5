"""The proof on a terminal: a matrix while it can be read, numbers above that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshc.cli.views.page import Column, Page, Piece, Styled, standard_page
from meshc.cli.views.path_matrix import print_path_matrix

if TYPE_CHECKING:
    from meshc.topology.proof import Proof
    from meshc.topology.proof.verdict import PairCounts

AUTOMATIC = 60
MOST = 400
"""So many nodes are compared with each other; above, only those that lose something are listed."""
_LISTED = 40
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def print_proof(proof: Proof, *, matrix: bool | None = None) -> None:
    """The matrix if asked for (or if it is small), what relays carry, and the verdict."""
    page = standard_page()
    wanted = len(proof.names) <= AUTOMATIC if matrix is None else matrix
    if wanted and 1 < len(proof.names) <= MOST:
        _print_matrix(page, proof)
    elif wanted and len(proof.names) > MOST:
        _print_worst(page, proof)
    _print_relays(page, proof)
    _print_verdict(page, proof)


def _print_matrix(page: Page, proof: Proof) -> None:
    names = proof.names
    letters = {
        failure.relay: _LETTERS[n % len(_LETTERS)] for n, failure in enumerate(proof.failures)
    }
    print_path_matrix(page, names, lambda a, b: _cell(proof, names[a], names[b], letters))
    key = "".join(f", {letter} through {name}" for name, letter in letters.items())
    apart = ", – apart" if any(matrix.apart for matrix in proof.matrices.values()) else ""
    page.line(Styled(f"● direct{key}, × lost, ◐ lost in one family{apart}", "dim"))
    page.line()


def _cell(proof: Proof, source: str, target: str, letters: dict[str, str]) -> Piece:
    if source == target:
        return ""
    hops = [proof.hops(source, target, family) for family in proof.families]
    spoken = [h for h in hops if h >= 0]
    if not spoken or proof.separate(source, target):
        return Styled("–", "dim")
    if not any(spoken):
        return Styled("×", "bold red")
    if not all(spoken):
        return Styled("◐", "bold red")
    if max(spoken) == 1:
        return Styled("●", "green")
    family = next(f for f, h in zip(proof.families, hops, strict=True) if h > 1)
    path = proof.path(source, target, family) or ()
    return Styled("".join(letters.get(name, "?") for name in path[1:-1]), "yellow")


def _print_worst(page: Page, proof: Proof) -> None:
    """Who loses most, where a matrix would be too large to read."""
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
    page.line(f"{len(proof.names):,} nodes are too many for a matrix (at most {MOST}).")
    if not rows:
        page.line("No node loses a packet; one pair: meshc explain FILE A B")
        page.line()
        return
    page.table(
        [Column("node"), Column("reaches", "right"), Column("lost", "right")],
        [
            (source, f"{reached:,}", f"{lost:,}")
            for lost, source, reached in sorted(rows, reverse=True)[:_LISTED]
        ],
    )
    if len(rows) > _LISTED:
        page.line(f"and {len(rows) - _LISTED:,} more nodes that lose something")
    page.line()


def _print_relays(page: Page, proof: Proof) -> None:
    if not proof.failures:
        return
    columns = (
        Column("if it dies"),
        Column("pairs lost", "right"),
        Column("no other way", "right"),
        Column("for example", fold=True),
    )
    page.table(
        columns,
        [
            (
                failure.relay,
                f"{failure.pairs:,}",
                f"{failure.stranded:,}",
                ", ".join(f"{a} → {b}" for a, b in failure.examples[:2]),
            )
            for failure in proof.failures
        ],
    )
    page.line()


def _print_verdict(page: Page, proof: Proof) -> None:
    open_ = 0
    for family, matrix in proof.matrices.items():
        counts = matrix.pair_counts
        open_ += counts.unjudged
        page.line(f"IPv{family}: {counts.all:,} ordered pairs", *fates(counts))
    if not proof.holds:
        page.line(Styled("The proof fails.", "bold red"))
    elif open_:
        page.line(
            Styled(
                f"The proof holds, but claims nothing for {open_:,} pairs (W443).", "bold yellow"
            )
        )
    else:
        page.line(Styled("The proof holds.", "bold green"))


def fates(counts: PairCounts) -> list[Piece]:
    """How ordered pairs fare, to go on after their number."""
    arrive = counts.all == counts.delivered
    pieces: list[Piece] = [", ", Styled("all arrive", "green")] if arrive else []
    if counts.lost:
        pieces += [", ", Styled(f"{counts.lost:,} lost", "red")]
    if counts.unjudged:
        pieces += [", ", Styled(f"{counts.unjudged:,} not judged", "yellow")]
    if counts.apart:
        pieces.append(f", {counts.apart:,} declared apart")
    relayed = counts.delivered - counts.direct
    return [*pieces, f"; {counts.direct:,} direct, {relayed:,} through relays."]
