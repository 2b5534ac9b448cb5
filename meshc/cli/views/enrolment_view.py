"""Invitations and requests, as they are shown to who decides."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from meshc.cli.views.page import say
from meshc.keys import fingerprint
from meshc.render.report.text import visible

if TYPE_CHECKING:
    from meshc.enrolment.core.invitation import Invitation
    from meshc.enrolment.enrolling import Received


def invitation_rows(invitations: Iterable[Invitation]) -> list[dict[str, object]]:
    """A row for each node, for programs."""
    return [
        {
            "node": seat.node,
            "state": seat.state.value,
            "expires": invitation.expires,
            "invitation": invitation.identifier,
            "host": seat.request.host if seat.request else None,
            "public_key": seat.request.public_key if seat.request else None,
        }
        for invitation in invitations
        for seat in invitation.seats
    ]


def show_invitations(invitations: Iterable[Invitation], nodes: Iterable[str] = ()) -> None:
    """A line for each node, or for those that are named."""
    wanted = frozenset(nodes)
    shown = False
    for invitation in invitations:
        until = datetime.fromtimestamp(invitation.expires, UTC)
        for seat in invitation.seats:
            if wanted and seat.node not in wanted:
                continue
            shown = True
            who = ""
            if seat.request is not None:
                who = f", {visible(seat.request.host)}, {fingerprint(seat.request.public_key)}"
            say(f"{seat.node}: {seat.state.value}, until {until:%Y-%m-%d %H:%M} UTC{who}")
    if not shown:
        say("Nobody is invited.")


def asked_lines(received: Received) -> list[str]:
    """Who asks, and how it is known again."""
    request = received.request
    name = received.seat.node if received.seat else "nobody"
    lines = [
        f"{visible(request.host)} asks to be {name}",
        f"  public key:  {request.public_key}",
        f"  fingerprint: {fingerprint(request.public_key)}",
        f"  private key: {request.key_file}, on that machine only",
    ]
    if received.seat is None:
        lines.append(f"  {received.why}")
        lines += [
            f"  {seat.node} is {visible(seat.request.host)}, {fingerprint(seat.request.public_key)}"
            for seat in received.invitation.seats
            if seat.request is not None
        ]
    return lines
