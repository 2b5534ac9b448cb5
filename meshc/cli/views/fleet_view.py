"""The fleet as a table: who is well, where everybody lives, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from meshc.cli.views.page import Column, Page, Piece, Styled

if TYPE_CHECKING:
    from meshc.deploy.fleet_status import FleetStatus, NodeView

_COLUMNS = (
    Column("node"),
    Column("state"),
    Column("lives with"),
    Column("direct", "right"),
    Column("seen by", fold=True),
)


def print_fleet(page: Page, fleet: FleetStatus) -> None:
    """A row a node, and a line for each thing that wants attention."""
    page.table(_COLUMNS, (_row(view, fleet) for view in fleet.nodes.values()))
    for view in fleet.nodes.values():
        for line in _wrong(view):
            page.line(Styled(f"! {view.name}: {line}", "red"))


def _row(view: NodeView, fleet: FleetStatus) -> tuple[Piece, ...]:
    seen = [(by, peer) for by, peer in fleet.seen(view.name) if peer.health == "live"]
    direct = sum(how == "direct" for how in view.direct.values())
    return (
        view.name,
        _state(view, len(seen)),
        fleet.home_of(view.name) or "–",
        str(direct) if view.direct else "–",
        ", ".join(by for by, _ in seen) or "nobody that was asked",
    )


def _state(view: NodeView, seen: int) -> Piece:
    if view.trouble or not view.asked:
        return Styled("seen", "default") if seen else Styled("unknown", "yellow")
    if not view.up:
        return Styled("down", "red")
    if view.draining:
        return Styled("draining", "yellow")
    return Styled("well", "green") if view.well else Styled("up", "yellow")


def _wrong(view: NodeView) -> Iterator[str]:
    if view.trouble:
        yield f"did not answer: {view.trouble}"
    elif view.lost:
        yield f"no session with {', '.join(view.lost)}"
    yield from view.problems
