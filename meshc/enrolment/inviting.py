"""Inviting: a name and an address are set aside, and a token is made.

The address rests in the lock file as that of a node which left does, so that nobody else gets it
while the pool has room; the topology is not touched before the node is enrolled.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path

from meshc.agent.door_pass import MOST_CALLERS
from meshc.build import topology_edits
from meshc.build.lock_file import read_lock, write_lock
from meshc.build.stages import SourceFiles, Stages
from meshc.build.worker import InlineWorker
from meshc.build.workspace import Workspace
from meshc.diagnostics import Diagnostics
from meshc.enrolment.core.enrolment_keys import SECRET_LENGTH
from meshc.enrolment.core.invitation import Invitation, InvitationDoor, Seat
from meshc.enrolment.core.invite_token import DoorPlace, InviteToken
from meshc.enrolment.invitation_files import InvitationFiles, reserved_names
from meshc.errors import StateError
from meshc.keys import PrivateKey
from meshc.prefixes import Prefix
from meshc.secret import SecretBytes
from meshc.topology.language.spec import Platform, Spec
from meshc.topology.planner.addressing.lock import Lock, LockedNode
from meshc.values import dataclass

FIRST_PORT = 51900
"""Doors have the ports from here on, each its own."""


@dataclass(frozen=True, slots=True)
class InvitationWish:
    """What somebody wants: `settings` is YAML as it stands between braces, `seconds` how long the
    token is good, `lifetime` the days that the nodes stay (0: for good); `relay` has a door for
    it, at `door_port` or at a port of its own (0)."""

    name: str
    settings: str = ""
    group: str = ""
    uses: int = 1
    seconds: int = 3600
    lifetime: int = 0
    relay: str = ""
    door_port: int = 0

    def nodes(self) -> tuple[str, ...]:
        """The names that are set aside."""
        if self.uses == 1:
            return (self.name,)
        return tuple(f"{self.name}-{number}" for number in range(1, self.uses + 1))


@dataclass(frozen=True, slots=True)
class Invited:
    """An invitation that was made, its token, and the addresses that are set aside."""

    invitation: Invitation
    token: InviteToken
    addresses: dict[str, tuple[Prefix, ...]]


def invite(file: Path, wish: InvitationWish, *, now: int) -> Invited:
    """Raises: Refused when the network would not stand with these nodes, StateError, OSError."""
    workspace, store = Workspace(file), InvitationFiles(file.parent)
    names = wish.nodes()
    expected = topology_edits.add_all(
        file, {name: _made_up(wish.settings) for name in names}, group=wish.group, write=False
    )
    _check_kind(expected.spec, names)
    host = _outer_host(expected.spec, wish.relay) if wish.relay else ""
    with workspace.locked():
        taken = sorted({*reserved_names(store.all(now))} & {*names})
        if taken:
            raise StateError(
                f"{taken[0]} is invited already",
                hint=f"`meshc enrol {taken[0]} --refuse` takes the invitation back",
            )
        diagnostics = Diagnostics()
        lock = read_lock(workspace.lock_file, diagnostics)
        addresses = _addresses(expected.spec, lock)
        reserved = {name: addresses[name] for name in names}
        network = expected.spec.network
        write_lock(workspace.lock_file, _set_aside(lock, network.name, reserved))
        door = _door(wish, store.all(now)) if wish.relay else None
        secret, private = SecretBytes(secrets.token_bytes(SECRET_LENGTH)), PrivateKey.generate()
        token = InviteToken(
            secret,
            wish.name,
            network.name,
            network.interface,
            now + wish.seconds,
            private.public_key(),
            None if door is None else _place(door, host, wish.uses),
        )
        invitation = Invitation(
            token.keys().identifier,
            secret,
            private,
            token.expires,
            tuple(Seat(name) for name in names),
            wish.settings,
            wish.group,
            wish.lifetime,
            door,
        )
        store.put(invitation)
    return Invited(invitation, token, reserved)


def callers_for(uses: int) -> int:
    """How many machines can be in front of a door at a time, each with a throw-away key."""
    return min(MOST_CALLERS, max(4, 2 * uses))


def _door(wish: InvitationWish, others: list[Invitation]) -> InvitationDoor:
    taken = {one.door.port for one in others if one.door and one.door.relay == wish.relay}
    port = wish.door_port or next(p for p in range(FIRST_PORT, 65536) if p not in taken)
    return InvitationDoor(wish.relay, port, PrivateKey.generate())


def _place(door: InvitationDoor, host: str, uses: int) -> DoorPlace:
    return DoorPlace(host, door.port, door.private_key.public_key(), callers_for(uses))


def _outer_host(spec: Spec, relay: str) -> str:
    """Where the internet finds the relay. Raises: StateError."""
    node = spec.nodes.get(relay)
    if node is None or not node.endpoints:
        raise StateError(
            f"{relay} has no `endpoint`, so that nobody finds a door there",
            hint="name a relay with `--via`, or carry the files by hand: without --via",
        )
    return node.endpoints[0].host


def _made_up(settings: str) -> str:
    """As the node will stand there, with a key that nobody has."""
    key = PrivateKey.generate().public_key()
    return as_mapping(settings, f'public_key: "{key}"')


def as_mapping(*pieces: str) -> str:
    """Settings as one YAML mapping on a line."""
    return f"{{{', '.join(filter(None, pieces))}}}"


def _check_kind(spec: Spec, names: tuple[str, ...]) -> None:
    """Raises: StateError for a node that cannot make its own key."""
    for name in names:
        node = spec.nodes.get(name)
        if node is None:
            raise StateError(
                f"{name} would be left out of the network", hint="look at `enabled` and `expires`"
            )
        if node.platform is not Platform.LINUX:
            raise StateError(
                f"{name} runs {node.platform.value}, where nothing of meshc makes a key",
                hint=f"meshc add {name} platform={node.platform.value}, meshc build, "
                f"and meshc qr {name} or its file",
            )


def _addresses(spec: Spec, lock: Lock) -> dict[str, tuple[Prefix, ...]]:
    """Raises: Refused."""
    stages = Stages(InlineWorker(spec))
    return dict(stages.analyse(SourceFiles(spec, lock)).allocation.addresses)


def _set_aside(lock: Lock, network: str, reserved: dict[str, tuple[Prefix, ...]]) -> Lock:
    """The addresses rest, as those of nodes that left; the names find them again."""
    counter = max((node.removed for node in lock.removed.values()), default=0)
    removed = dict(lock.removed)
    for number, (name, addresses) in enumerate(reserved.items(), counter + 1):
        removed[name] = LockedNode(addresses, None, None, number)
    return replace(lock, network=lock.network or network, removed=dict(sorted(removed.items())))
