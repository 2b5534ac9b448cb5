"""An invitation and the machine that answers to it, in memory."""

from __future__ import annotations

import socket
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

from meshc.agent.door_files import DoorFiles
from meshc.agent.door_keeper import keep_doors
from meshc.agent.door_pass import DoorPass
from meshc.agent.door_wish import fulfil
from meshc.enrolment import enrolling
from meshc.enrolment.core.enrolment_message import EnrolmentRequest
from meshc.enrolment.core.invitation import Invitation, Seat
from meshc.enrolment.core.invite_token import DoorPlace, InviteToken
from meshc.enrolment.inviting import InvitationWish, Invited, invite
from meshc.enrolment.joining import JoinPlaces, PendingJoin, ask
from meshc.secret import SecretBytes
from tests.support.wire import private_key
from tests.support.workspaces import write_topology

NOW = 1_800_000_000
TEXT = """\
meshc: 1
network: {name: demo, addresses: [10.44.0.0/24]}
nodes:
  hub: {role: relay, endpoint: hub.demo-vpn.net}   # kept
  phone: {platform: ios}
groups:
  servers:
    - hub   # the first
"""
CONTROLLER = private_key("controller")
THROWAWAY = private_key("throwaway")


def token(*, door: DoorPlace | None = None, secret: bytes = bytes(range(16))) -> InviteToken:
    return InviteToken(
        SecretBytes(secret), "nas", "demo", "wg0", NOW + 3600, CONTROLLER.public_key(), door
    )


def request(of: InviteToken | None = None, *, machine: str = "nas") -> EnrolmentRequest:
    keys = (of or token()).keys()
    return EnrolmentRequest(
        keys.identifier,
        private_key(machine).public_key(),
        THROWAWAY.public_key(),
        machine,
        "/etc/meshc/wg0.key",
    )


def invitation(*nodes: str) -> Invitation:
    one = token()
    seats = tuple(Seat(node) for node in nodes or ("nas",))
    return Invitation(one.keys().identifier, one.secret, CONTROLLER, one.expires, seats)


class Enrolments:
    """A network with its controller, and new machines beside it, each with directories of its own
    below `directory`."""

    def __init__(self, directory: Path, text: str = TEXT) -> None:
        directory.mkdir(exist_ok=True)
        self.directory = directory
        self.file = write_topology(directory / "net", text)

    def invite(self, name: str = "nas", **wish: object) -> Invited:
        return invite(self.file, replace(InvitationWish(name), **wish), now=NOW)  # type: ignore[arg-type]

    def places(self, machine: str = "nas") -> JoinPlaces:
        return JoinPlaces(self.directory / machine / "keys", self.directory / machine / "confs")

    def ask(self, invited: Invited, machine: str = "nas") -> PendingJoin:
        return ask(invited.token.reveal(), self.places(machine), host=machine, now=NOW)

    def receive(self, pending: PendingJoin, *, now: int = NOW) -> enrolling.Received:
        return enrolling.receive(self.file, pending.line(), now=now)

    def enrol(self, pending: PendingJoin) -> str:
        """The answer of a controller that agrees."""
        received = self.receive(pending)
        assert received.seat is not None
        enrolling.grant(self.file, received.invitation.identifier, received.seat.node, now=NOW)
        return self.answer(received)

    def answer(self, received: enrolling.Received) -> str:
        line = enrolling.answer_line(self.file, received, now=NOW)
        assert line is not None
        return line


class DoorRelay:
    """A relay on loopback: its files, and a keeper that is run in this process."""

    def __init__(self, directory: Path) -> None:
        self.run_directory = directory / "run"
        self.files = DoorFiles("wg0", self.run_directory)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._stop.clear()
        self._thread = threading.Thread(
            target=keep_doors,
            args=("wg0", self._stop),
            kwargs={"run_directory": self.run_directory},
            daemon=True,
        )
        self._thread.start()

    def kill(self) -> None:
        """Nothing of it is left but its files."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def call(self, relay: str, wish: dict[str, Any]) -> Any:
        return fulfil("wg0", wish, self.run_directory)


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def a_pass(*, port: int = 51900, uses: int = 1, until: int = NOW + 7200) -> DoorPass:
    keys = token().keys()
    return DoorPass(
        keys.identifier,
        port,
        private_key("door"),
        keys.door_preshared_key(),
        tuple(keys.caller(slot).public_key() for slot in range(4)),
        uses,
        NOW + 3600,
        until,
    )
