"""`meshc enrol`: who asked is looked at, and becomes a node or not."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshc.cli.failure import refused_findings, reported
from meshc.cli.identity_option import identity_option
from meshc.cli.json_option import json_option, tell
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
) -> None:
    """Let a machine in that was invited and has asked, or say who was.

    Without --request and NODE: the invitations. Who comes in is written into FILE with its public
    key; the network is built and proven with it, or nothing changes. Commit FILE and the lock
    file, and deploy: that is what lets it in. Run again where it was cut short.
    """
    now = int(time.time())
    if request is None and nodes:
        _named(file, nodes, refuse=refuse, as_json=as_json)
    elif request is None:
        from meshc.enrolment.invitation_files import InvitationFiles

        invitations = InvitationFiles(file.parent).all(now)
        if as_json:
            tell({"invitations": invitation_rows(invitations)})
        else:
            show_invitations(invitations)
    else:
        _by_request(file, request, output, yes=yes, refuse=refuse, as_json=as_json)


def _named(file: Path, nodes: tuple[str, ...], *, refuse: bool, as_json: bool) -> None:
    """Invitations that are taken back."""
    from meshc.enrolment.enrolling import refuse as turn_down
    from meshc.enrolment.invitation_files import invitation_for

    if not refuse:
        raise click.UsageError("a NODE comes in by its --request; --refuse takes it back")
    now = int(time.time())
    for node in nodes:
        turn_down(file, invitation_for(file.parent, node, now).identifier, node, now=now)
    if as_json:
        tell({"refused": list(nodes)})
    for node in nodes if not as_json else ():
        say(f"{node}: nobody comes in by that invitation any more")


def _by_request(
    file: Path, path: Path, output: Path | None, *, yes: bool, refuse: bool, as_json: bool
) -> None:
    from meshc.enrolment import enrolling
    from meshc.enrolment.core.invitation import SeatState
    from meshc.errors import StateError
    from meshc.files import read_regular, write_atomic

    now = int(time.time())
    content = read_regular(path, limit=1 << 20)
    if content is None:
        raise StateError(f"there is no file {path}")
    received = enrolling.receive(file, content.decode("ascii", "replace"), now=now)
    seat = received.seat
    if not as_json:
        for line in asked_lines(received):
            say(line)
    if seat is not None and seat.state is SeatState.ASKED:
        identifier = received.invitation.identifier
        if refuse:
            enrolling.refuse(file, identifier, seat.node, now=now)
        elif yes or _agreed(seat.node):
            with refused_findings():
                enrolling.grant(file, identifier, seat.node, now=now)
    answer = enrolling.answer_line(file, received, now=now)
    if answer is not None:
        name = seat.node if seat is not None else path.stem
        output = output or Path(f"{name}.answer")
        write_atomic(output, f"{answer}\n".encode(), mode=0o600)
    _end(file, received, output, as_json=as_json)


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
        say(f"Next: git add {file} {file.with_suffix('.lock')}, git commit, meshc deploy {file}")
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
