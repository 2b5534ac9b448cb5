"""Invitations as files: `invitations/` beside the topology, one file each, for its maker alone.

They hold the secrets of invitations, so that the directory is 0700 and git ignores it: who invites
is who enrols. What is over stays, so that the same machine gets the same answer again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from meshc.enrolment.core.enrolment_message import EnrolmentRequest
from meshc.enrolment.core.invitation import Invitation, InvitationDoor, Seat, SeatState
from meshc.errors import KeyFormatError, StateError
from meshc.files import read_regular, write_atomic
from meshc.keys import PrivateKey, PublicKey
from meshc.secret import SecretBytes

VERSION = 1
_LONGEST = 8 << 20


class InvitationFiles:
    """The invitations of one network. Who changes one holds the lock of the workspace."""

    def __init__(self, workspace: Path) -> None:
        self.directory = workspace / "invitations"

    def all(self, now: int) -> list[Invitation]:
        """Every invitation as it is now, the next to expire first. Raises: StateError."""
        paths = sorted(self.directory.glob("*.json"))
        found = [one for path in paths if (one := _read(path)) is not None]
        return sorted((one.at(now) for one in found), key=lambda one: one.expires)

    def get(self, identifier: str, now: int) -> Invitation | None:
        """None where there is none of that name. Raises: StateError."""
        found = _read(self.path(identifier))
        return None if found is None else found.at(now)

    def put(self, invitation: Invitation) -> None:
        """Raises: OSError, StateError."""
        self.directory.mkdir(mode=0o700, exist_ok=True)
        ignored = self.directory / ".gitignore"
        if not ignored.exists():
            write_atomic(ignored, b"*\n")
        write_atomic(self.path(invitation.identifier), _packed(invitation), mode=0o600)

    def path(self, identifier: str) -> Path:
        return self.directory / f"{identifier}.json"


def reserved_names(invitations: list[Invitation]) -> Iterator[str]:
    """The names of nodes for which an invitation is open."""
    for invitation in invitations:
        for seat in invitation.seats:
            if seat.state in (SeatState.INVITED, SeatState.ASKED):
                yield seat.node


def invitation_for(workspace: Path, node: str, now: int) -> Invitation:
    """The invitation that a node was named in last. Raises: StateError where there is none."""
    found = [one for one in InvitationFiles(workspace).all(now) if one.seat(node)]
    if not found:
        raise StateError(f"nobody invited {node!r}", hint=f"meshc invite {node}")
    return max(found, key=lambda one: (one.open, one.expires))


def _packed(invitation: Invitation) -> bytes:
    data = {
        "meshc_invitation": VERSION,
        "identifier": invitation.identifier,
        "secret": invitation.secret.reveal().hex(),
        "private_key": invitation.private_key.reveal(),
        "expires": invitation.expires,
        "settings": invitation.settings,
        "group": invitation.group,
        "lifetime": invitation.lifetime,
        "door": _door_fields(invitation.door),
        "seats": [_seat_fields(seat) for seat in invitation.seats],
    }
    return (json.dumps(data, indent=1) + "\n").encode()


def _door_fields(door: InvitationDoor | None) -> dict[str, object] | None:
    if door is None:
        return None
    return {"relay": door.relay, "port": door.port, "private_key": door.private_key.reveal()}


def _seat_fields(seat: Seat) -> dict[str, object]:
    fields: dict[str, object] = {"node": seat.node, "state": seat.state.value}
    if seat.request is not None:
        fields["request"] = {
            "public_key": seat.request.public_key,
            "throwaway": seat.request.throwaway,
            "host": seat.request.host,
            "key_file": seat.request.key_file,
        }
    return fields


def _read(path: Path) -> Invitation | None:
    content = read_regular(path, limit=_LONGEST)
    if content is None:
        return None
    try:
        return _invitation(json.loads(content))
    except (ValueError, KeyError, TypeError, AttributeError, KeyFormatError) as error:
        raise StateError(
            f"{path} is not an invitation as meshc writes it ({type(error).__name__})",
            hint="delete it, and invite again",
        ) from None


def _invitation(data: dict[str, Any]) -> Invitation:
    """Raises: what a file brings that is none."""
    if data["meshc_invitation"] != VERSION:
        raise ValueError("another version")
    identifier = str(data["identifier"])
    return Invitation(
        identifier,
        SecretBytes(bytes.fromhex(data["secret"])),
        PrivateKey.parse(data["private_key"]),
        int(data["expires"]),
        tuple(_seat(one, identifier) for one in data["seats"]),
        str(data["settings"]),
        str(data["group"]),
        int(data["lifetime"]),
        _door(data["door"]),
    )


def _door(data: dict[str, Any] | None) -> InvitationDoor | None:
    if data is None:
        return None
    key = PrivateKey.parse(data["private_key"])
    return InvitationDoor(str(data["relay"]), int(data["port"]), key)


def _seat(data: dict[str, Any], identifier: str) -> Seat:
    told = data.get("request")
    request = None
    if told is not None:
        request = EnrolmentRequest(
            identifier,
            PublicKey.parse(told["public_key"]),
            PublicKey.parse(told["throwaway"]),
            str(told["host"]),
            str(told["key_file"]),
        )
    return Seat(str(data["node"]), SeatState(data["state"]), request)
