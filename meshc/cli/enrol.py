"""`meshc enrol`: who asked is looked at, and becomes a node or not."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meshc.cli.failure import reported
from meshc.cli.identity_option import identity_option
from meshc.cli.json_option import json_option, tell
from meshc.cli.relay_options import doors_round, relay_options
from meshc.cli.topology_argument import TopologyCommand
from meshc.cli.views.enrolment_view import asked_lines, invitation_rows, show_invitations
from meshc.cli.views.page import say

if TYPE_CHECKING:
    from meshc.enrolment.enrolling import Received

DECLINED = 1


@click.command(
    cls=TopologyCommand, epilog="Example: meshc enrol mesh.yaml --request nas.request -o nas.answer"
)
@click.argument("file", metavar="[FILE]", type=click.Path(path_type=Path))
@click.argument("nodes", nargs=-1, metavar="[NODE]...")
@click.option("--request", type=click.Path(path_type=Path), help="What `meshc join` wrote.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Where its answer goes (default: NODE.answer here).",
)
@click.option("--yes", is_flag=True, help="Do not ask: the fingerprint has been compared.")
@click.option("--refuse", is_flag=True, help="Do not let it in; or take invitations back.")
@relay_options
@json_option
@identity_option
@reported
def enrol(
    file: Path,
    nodes: tuple[str, ...],
    request: Path | None,
    output: Path | None,
    yes: bool,
    refuse: bool,
    as_json: bool,
    **reach: Any,
) -> None:
    """Let a machine in that was invited and has asked, or say who was.

    Alone: who is invited, and who has asked, at the doors of relays too. NODE is one that has
    asked there; --request is what another one wrote. Who comes in is written into FILE with its
    public key; the network is built and proven with it, or nothing changes. Commit FILE and the
    lock file, and deploy: that is what lets it in. Run again where it was cut short.
    """
    now = int(time.time())
    if request is not None:
        received = _read(file, request, now)
        _decide(file, received, yes=yes, refuse=refuse, now=now, quiet=as_json)
        answer = _written(file, received, output, now)
        _end(file, received, answer, as_json=as_json)
        return
    doors_round(file, now=now, **reach)
    for node in nodes:
        _named(file, node, yes=yes, refuse=refuse, now=now, quiet=as_json)
    if nodes:
        doors_round(file, now=now, **reach)
        say(f"Next: {_commit(file)}", err=True)
    _list(file, nodes, now, as_json=as_json)


def _list(file: Path, nodes: tuple[str, ...], now: int, *, as_json: bool) -> None:
    from meshc.enrolment.invitation_files import InvitationFiles

    invitations = InvitationFiles(file.parent).all(now)
    if as_json:
        rows = invitation_rows(invitations)
        tell({"invitations": [row for row in rows if not nodes or row["node"] in nodes]})
    else:
        show_invitations(invitations, nodes)


def _named(file: Path, node: str, *, yes: bool, refuse: bool, now: int, quiet: bool) -> None:
    """A node that has asked at a door, or an invitation that is taken back."""
    from meshc.enrolment import enrolling
    from meshc.enrolment.core.invitation import SeatState
    from meshc.enrolment.invitation_files import invitation_for
    from meshc.errors import StateError

    invitation = invitation_for(file.parent, node, now)
    seat = invitation.seat(node)
    assert seat is not None, "it was found by this node"
    if seat.request is not None:
        received = enrolling.Received(invitation, seat.request, seat)
        _decide(file, received, yes=yes, refuse=refuse, now=now, quiet=quiet)
    elif refuse:
        enrolling.refuse(file, invitation.identifier, node, now=now)
    elif seat.state is SeatState.INVITED:
        raise StateError(f"{node} has not asked yet", hint="there: meshc join TOKEN")
    else:
        raise StateError(f"{node} is {seat.state.value}", hint=f"meshc invite {node}")


def _read(file: Path, path: Path, now: int) -> Received:
    """Raises: StateError for what is no request by an invitation of this network."""
    from meshc.enrolment.enrolling import receive
    from meshc.errors import StateError
    from meshc.files import read_regular

    content = read_regular(path, limit=1 << 20)
    if content is None:
        raise StateError(f"there is no file {path}")
    return receive(file, content.decode("ascii", "replace"), now=now)


def _decide(
    file: Path, received: Received, *, yes: bool, refuse: bool, now: int, quiet: bool
) -> None:
    """The person looks at who asks, and says yes or no. Raises: StateError where neither."""
    from meshc.enrolment import enrolling
    from meshc.enrolment.core.invitation import SeatState

    for line in asked_lines(received) if not quiet else ():
        say(line)
    seat, identifier = received.seat, received.invitation.identifier
    if seat is None or seat.state is not SeatState.ASKED:
        return
    if refuse:
        enrolling.refuse(file, identifier, seat.node, now=now)
    elif yes or _agreed(seat.node):
        enrolling.grant(file, identifier, seat.node, now=now)


def _written(file: Path, received: Received, output: Path | None, now: int) -> Path | None:
    """Where the answer is; None while there is none."""
    from meshc.enrolment.enrolling import answer_line
    from meshc.files import write_atomic

    line = answer_line(file, received, now=now)
    if line is None:
        return None
    name = received.seat.node if received.seat is not None else "refused"
    path = output or Path(f"{name}.answer")
    write_atomic(path, f"{line}\n".encode(), mode=0o600)
    return path


def _commit(file: Path) -> str:
    return f"git add {file} {file.with_suffix('.lock')}, git commit, meshc deploy {file}"


def _end(file: Path, received: Received, output: Path | None, *, as_json: bool) -> None:
    """Says what became of it. Exit code 1 when the machine does not come in."""
    from meshc.enrolment.core.invitation import SeatState
    from meshc.enrolment.enrolling import decided

    state = decided(file, received, now=int(time.time()))
    came = state is SeatState.ENROLLED
    if as_json:
        node = received.seat.node if received.seat else None
        facts = {"state": state.value, "answer": str(output) if output else None}
        tell({"node": node, "public_key": received.request.public_key, **facts})
    elif came:
        say(f"Its answer: {output}; there: meshc join {output}")
        say(f"Next: {_commit(file)}")
    else:
        say(f"It does not come in; its answer: {output}")
    if not came:
        sys.exit(DECLINED)


def _agreed(node: str) -> bool:
    """Raises: StateError where nobody can be asked."""
    from meshc.errors import StateError

    if not _can_ask():
        raise StateError(
            f"{node} is not enrolled: nobody can be asked here",
            hint="compare the fingerprint with what `meshc join` says there; then --yes",
        )
    if not click.confirm("Is that what `meshc join` says there? Let it in", err=True):
        raise StateError(f"{node} waits", hint="--refuse turns it away for good")
    return True


def _can_ask() -> bool:
    return sys.stdin.isatty()
