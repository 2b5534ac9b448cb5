"""A round of the doors: requests are fetched from the relays, and answers are brought there.

A round can be made again at any time, and sends each relay all that it has to know: one that was
restarted opens its doors again.
"""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from meshc.agent.door_pass import DoorPass
from meshc.build.topology_file import read_spec
from meshc.build.workspace import Workspace
from meshc.diagnostics import Diagnostics
from meshc.enrolment.core.enrolment_keys import EnrolmentKeys
from meshc.enrolment.core.invitation import Invitation
from meshc.enrolment.enrolling import Received, answer_line, receive
from meshc.enrolment.invitation_files import InvitationFiles
from meshc.enrolment.inviting import callers_for
from meshc.errors import NodeError, StateError
from meshc.values import dataclass, field

AFTERWARDS = 86400
"""Seconds after the date in which who asked in time can still fetch an answer."""


class RelayCall(Protocol):
    """Brings a wish to a relay, and back what it says. Raises: NodeError."""

    def __call__(self, relay: str, wish: dict[str, Any]) -> Any: ...


@dataclass(frozen=True, slots=True)
class DoorRound:
    """What was found: who asks, and in sentences what did not go well."""

    received: tuple[Received, ...] = ()
    troubles: tuple[str, ...] = field(default_factory=tuple)


def go_round(file: Path, call: RelayCall, *, now: int) -> DoorRound:
    """Raises: Refused, StateError, OSError."""
    by_relay: dict[str, list[Invitation]] = defaultdict(list)
    for one in InvitationFiles(file.parent).all(now):
        if one.door is not None:
            by_relay[one.door.relay].append(one)
    received: list[Received] = []
    troubles: list[str] = []
    for relay, invitations in sorted(by_relay.items()):
        try:
            received += _at(file, relay, invitations, call, troubles, now)
        except NodeError as error:
            troubles.append(f"{relay}: {error}")
    return DoorRound(tuple(received), tuple(troubles))


def _is_wanted(one: Invitation, now: int) -> bool:
    """Whether anybody may still ask, or fetch what was decided."""
    waits = one.open or any(seat.request is not None for seat in one.seats)
    return waits and now <= one.expires + AFTERWARDS


def _at(
    file: Path,
    relay: str,
    invitations: list[Invitation],
    call: RelayCall,
    troubles: list[str],
    now: int,
) -> list[Received]:
    """One relay. Raises: NodeError."""
    wanted = {one.identifier: one for one in invitations if _is_wanted(one, now)}
    passes = [door_pass(one).reveal() for one in wanted.values()]
    wish: dict[str, Any] = {"doors": passes, "answers": {}}
    said = _Said(call(relay, wish))
    if wanted and not said.kept:
        troubles.append(f"{relay}: no agent of meshc runs there, so that its doors stay shut")
    received, answers = [], defaultdict[str, dict[str, str]](dict)
    for identifier, digest, request in said.requests({*wanted}):
        try:
            found = receive(file, request.decode("ascii", "replace"), now=now)
        except StateError as error:
            troubles.append(f"{relay}: {error}")
            continue
        received.append(found)
        line = None if said.answered(identifier, digest) else answer_line(file, found, now=now)
        if line is not None:
            answers[identifier][digest] = base64.b64encode(line.encode()).decode()
    if answers:
        call(relay, {**wish, "answers": dict(answers)})
    over = {one.identifier for one in invitations} - wanted.keys() | said.done
    _close(file, [one for one in invitations if one.identifier in over], now)
    return received


def door_pass(invitation: Invitation) -> DoorPass:
    """What a relay has to know."""
    assert invitation.door is not None
    keys, uses = EnrolmentKeys(invitation.secret), len(invitation.seats)
    return DoorPass(
        invitation.identifier,
        invitation.door.port,
        invitation.door.private_key,
        keys.door_preshared_key(),
        tuple(keys.caller(slot).public_key() for slot in range(callers_for(uses))),
        uses,
        invitation.expires,
        invitation.expires + AFTERWARDS,
    )


def _close(file: Path, done: list[Invitation], now: int) -> None:
    """Nobody is left who comes: the door is not asked for again."""
    store = InvitationFiles(file.parent)
    with Workspace(file).locked():
        for one in done:
            latest = store.get(one.identifier, now)
            if latest is not None:
                store.put(replace(latest, door=None))


class _Said:
    """What a relay says. Raises: NodeError for anything else."""

    def __init__(self, data: Any) -> None:
        try:
            self._requests: Mapping[str, Mapping[str, str]] = dict(data["requests"])
            self._answered = {key: frozenset(value) for key, value in data["answered"].items()}
            self.done = frozenset(map(str, data["done"]))
            self.kept = data["kept"] is True
        except (KeyError, TypeError, ValueError, AttributeError):
            raise NodeError("the relay said nothing about doors", hint="deploy to it") from None

    def requests(self, known: set[str]) -> list[tuple[str, str, bytes]]:
        try:
            return [
                (identifier, digest, base64.b64decode(text))
                for identifier in sorted(known & self._requests.keys())
                for digest, text in sorted(self._requests[identifier].items())
            ]
        except (ValueError, TypeError, AttributeError):
            raise NodeError("the relay said nothing about doors", hint="deploy to it") from None

    def answered(self, identifier: str, digest: str) -> bool:
        return digest in self._answered.get(identifier, ())


def parsed(output: bytes) -> Any:
    """What `meshc door` printed. Raises: NodeError."""
    try:
        return json.loads(output[output.index(b"{") :])
    except (ValueError, RecursionError):
        raise NodeError("the relay said nothing about doors", hint="deploy to it") from None


def relay_interface(file: Path) -> str:
    """The interface whose agent keeps the doors. Raises: Refused, StateError."""
    return read_spec(file, Diagnostics()).network.interface
