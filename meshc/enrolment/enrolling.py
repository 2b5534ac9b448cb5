"""Enrolling: what a request has to go through before its machine is a node.

    taken    the request is written into its seat: from here on the seat is that machine's
    checked  the network with the node is planned and proven in memory, before a file is touched
    written  the node and its public key stand in the topology
    built    the whole is built, proven again and written; refused, the topology is put back
    enrolled the seat says so, and the answer can be sealed as often as it is lost

Each step can be the last before the process dies: the same command goes on from there.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from meshc.build import topology_edits
from meshc.build.check import check_spec
from meshc.build.lock_file import read_lock
from meshc.build.pipeline import compile_file
from meshc.build.reader import open_build
from meshc.build.topology_file import read_spec
from meshc.build.workspace import Workspace
from meshc.diagnostics import Diagnostics
from meshc.enrolment.core.enrolment_keys import EnrolmentKeys
from meshc.enrolment.core.enrolment_message import (
    SALT,
    Answer,
    Declined,
    EnrolmentRequest,
    Granted,
    read_request,
    seal_answer,
)
from meshc.enrolment.core.invitation import Invitation, Seat, SeatEvent, SeatState
from meshc.enrolment.invitation_files import InvitationFiles
from meshc.enrolment.inviting import as_mapping
from meshc.errors import Refused, StateError
from meshc.files import write_atomic
from meshc.topology.language.spec import Spec
from meshc.values import dataclass

_AGAIN = "`meshc invite` makes another invitation"


@dataclass(frozen=True, slots=True)
class Received:
    """A request that its token proves. `seat` is None for a machine that gets none, and `why` says
    so then."""

    invitation: Invitation
    request: EnrolmentRequest
    seat: Seat | None
    why: str = ""


def receive(file: Path, line: str, *, now: int) -> Received:
    """Takes a request into its seat. Raises: StateError for what is no request, or none by an
    invitation of this network; OSError."""
    unproven = read_request(line)
    if isinstance(unproven, str):
        raise StateError(f"this is no request of a node: {unproven}", hint="copy it again, whole")
    store = InvitationFiles(file.parent)
    with Workspace(file).locked():
        invitation = store.get(unproven.request.invitation, now)
        request = None
        if invitation is not None:
            request = unproven.proven(EnrolmentKeys(invitation.secret))
        if invitation is None or request is None:
            raise StateError(
                "the request is by no invitation of this network",
                hint=f"invitations lie in {store.directory}, where they were made; {_AGAIN}",
            )
        taken = invitation.asked(request)
        if isinstance(taken, str):
            return Received(invitation, request, None, taken)
        changed, seat = taken
        if changed != invitation:
            store.put(changed)
        return Received(changed, request, seat)


def grant(file: Path, identifier: str, node: str, *, now: int) -> None:
    """The node of a seat that has been asked for comes into the network.

    Raises: Refused when the network would not stand with it (then nothing has changed),
    StateError, OSError.
    """
    invitation, seat = _seat(file, identifier, node, now)
    request = seat.request
    if request is None or seat.after(SeatEvent.GRANT) is None:
        raise StateError(f"{node} cannot be enrolled: it is {seat.state.value}", hint=_AGAIN)
    before = _written(file, invitation, node, request, now)
    try:
        compile_file(file)
    except Refused:
        for path, text in before.items():
            write_atomic(path, text.encode(), mode=path.stat().st_mode & 0o777)
        raise
    _record(file, identifier, node, SeatEvent.GRANT, now)


def refuse(file: Path, identifier: str, node: str, *, now: int) -> None:
    """The machine that asked does not come in, or the invitation is taken back.

    Raises: StateError for a node that is enrolled; OSError.
    """
    _, seat = _seat(file, identifier, node, now)
    if seat.after(SeatEvent.REFUSE) is None:
        raise StateError(
            f"{node} is {seat.state.value} already",
            hint=f"meshc keys revoke {node}, meshc remove {node}, meshc deploy --all",
        )
    _record(file, identifier, node, SeatEvent.REFUSE, now)


def answer_line(file: Path, received: Received, *, now: int) -> str | None:
    """The answer to a request, sealed for the machine that asked; None while it is undecided.

    Raises: StateError when the build of the node is gone, KeyFormatError.
    """
    answer = _answer(file, received, now)
    if answer is None:
        return None
    keys = EnrolmentKeys(received.invitation.secret)
    own = received.invitation.private_key
    return seal_answer(answer, received.request, keys, own, secrets.token_bytes(SALT))


def decided(file: Path, received: Received, *, now: int) -> SeatState:
    """What has become of the machine that asked."""
    if received.seat is None:
        return SeatState.REFUSED
    return _seat(file, received.invitation.identifier, received.seat.node, now)[1].state


def _answer(file: Path, received: Received, now: int) -> Answer | None:
    if received.seat is None:
        return Declined(received.why)
    _, seat = _seat(file, received.invitation.identifier, received.seat.node, now)
    if seat.state is SeatState.ASKED:
        return None
    if seat.state is not SeatState.ENROLLED:
        return Declined("the person at the controller said no")
    built = open_build(Workspace(file).build, file=file).node(seat.node)
    facts = (built.facts or b"{}").decode()
    return Granted(seat.node, built.path.stem, built.text(), facts)


def _written(
    file: Path, invitation: Invitation, node: str, request: EnrolmentRequest, now: int
) -> Mapping[Path, str]:
    """The node stands in the topology; the texts before, of the files that were changed.

    Raises: Refused, StateError.
    """
    diagnostics = Diagnostics()
    spec = read_spec(file, diagnostics)
    present = spec.nodes.get(node)
    if present is not None and present.public_key == request.public_key:
        return {}  # by a run that was cut short
    if present is not None or node in spec.absent:
        raise StateError(
            f"there is a node {node!r} in {file} that is another machine",
            hint=f"rename it, or refuse this one: meshc enrol {node} --refuse",
        )
    _check_key(spec, node, request)
    settings = {node: _settings(invitation, request, now)}
    edit = topology_edits.add_all(file, settings, group=invitation.group, write=False)
    lock = read_lock(Workspace(file).lock_file, diagnostics)
    checked = check_spec(edit.spec, lock, Diagnostics())
    errors = [found for found in checked.findings if found.severity.value == "error"]
    if errors:
        raise Refused(errors)
    done = topology_edits.add_all(file, settings, group=invitation.group)
    return {path: done.before[path] for path in done.after}


def _check_key(spec: Spec, node: str, request: EnrolmentRequest) -> None:
    """Raises: StateError for a key that a node of the network has already."""
    for other in spec.nodes.values():
        if other.public_key == request.public_key:
            raise StateError(
                f"{node} asks with the key of {other.name}",
                hint="two machines with one key are one: make a new key on the new one",
            )


def _settings(invitation: Invitation, request: EnrolmentRequest, now: int) -> str:
    """What the topology says about the node, on one line."""
    said = [
        invitation.settings,
        f'public_key: "{request.public_key}"',
        f"private_key_file: {request.key_file}",
    ]
    if invitation.lifetime:
        last = datetime.fromtimestamp(now, UTC) + timedelta(days=invitation.lifetime)
        said.append(f"expires: {last.date().isoformat()}")
    return as_mapping(*said)


def _seat(file: Path, identifier: str, node: str, now: int) -> tuple[Invitation, Seat]:
    """Raises: StateError where there is none."""
    invitation = InvitationFiles(file.parent).get(identifier, now)
    seat = None if invitation is None else invitation.seat(node)
    if invitation is None or seat is None:
        raise StateError(f"nobody invited {node!r}", hint=f"meshc invite {node}")
    return invitation, seat


def _record(file: Path, identifier: str, node: str, event: SeatEvent, now: int) -> None:
    store = InvitationFiles(file.parent)
    with Workspace(file).locked():
        invitation, seat = _seat(file, identifier, node, now)
        after = seat.after(event)
        if after is None:
            raise StateError(f"{node} is {seat.state.value} already", hint=_AGAIN)
        store.put(invitation.with_seat(after))
