"""Endpoints that an interface has learned, kept over a restart: /var/lib/meshc/IFACE.endpoints.

A peer behind NAT is known by where it last sent from. When the interface is made anew nobody can
begin a session: this end knows no address, and the peer, which sends keepalives only, has no
reason to (whitepaper 6.1, 6.5). So `down` writes the endpoints down, and `up` sets them and begins
the sessions that there were, by a keepalive that is switched on. It is a help and no more: where
nothing can be written, nothing is kept.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path

from meshc.errors import MeshcError
from meshc.keys import PublicKey
from meshc.node.backends import Backend
from meshc.values import dataclass
from meshc.wg.device_values import DeviceState, DeviceUpdate, PeerUpdate
from meshc.wg.endpoint import Endpoint

# systemd sets STATE_DIRECTORY for a unit with StateDirectory=
DIRECTORY = Path(os.environ.get("STATE_DIRECTORY", "/var/lib/meshc").partition(":")[0])
SESSION = 180.0
"""Seconds; a session that is older is none (REJECT_AFTER_TIME)."""
_KEEPALIVE = 25


@dataclass(frozen=True, slots=True)
class LearnedEndpoint:
    """Where a peer was, and when the last handshake with it was, in unix time."""

    endpoint: Endpoint
    handshake: float = 0.0


def learned(
    device: DeviceState, before: Mapping[PublicKey, LearnedEndpoint]
) -> dict[PublicKey, LearnedEndpoint]:
    """What is to be kept of a device: peers that have not been back since the last restart are
    where they were before. An address that nobody answered from is not learned: it is the file's,
    which may name another or none the next time."""
    found = {}
    for peer in device.peers:
        if peer.endpoint is not None and peer.last_handshake:
            found[peer.public_key] = LearnedEndpoint(peer.endpoint, peer.handshake)
        elif peer.public_key in before:
            found[peer.public_key] = before[peer.public_key]
    return found


def first_updates(
    device: DeviceState, kept: Mapping[PublicKey, LearnedEndpoint], *, now: float
) -> tuple[tuple[PeerUpdate, ...], tuple[PeerUpdate, ...]]:
    """Two updates for a device that was just made: the addresses of peers that have none, with
    keepalives off where there was a session; then keepalives, which begin it anew. An address
    that the file names stays."""
    quiet, begin = [], []
    for peer in device.peers:
        seen = kept.get(peer.public_key)
        if seen is None or peer.last_handshake:
            continue
        live = now - seen.handshake < SESSION
        address = seen.endpoint if peer.endpoint is None else None
        if live or address is not None:
            keepalive = 0 if live else None
            quiet.append(PeerUpdate(peer.public_key, endpoint=address, keepalive=keepalive))
        if live:
            begin.append(PeerUpdate(peer.public_key, keepalive=peer.keepalive or _KEEPALIVE))
    return tuple(quiet), tuple(begin)


def save(engine: Backend, interface: str, directory: Path = DIRECTORY) -> None:
    """Before the interface goes. Raises: NodeError when the engine does not answer."""
    before = load(interface, directory)
    kept = learned(engine.read(interface), before)
    if kept == before:
        return  # looked at every few seconds, and the disk may be a card that wears out
    path = _path(interface, directory)
    temporary = path.with_suffix(f".{os.getpid()}")
    text = json.dumps({key: [str(one.endpoint), one.handshake] for key, one in kept.items()})
    with contextlib.suppress(OSError):
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w") as file:
            file.write(text)
        temporary.replace(path)


def set_again(engine: Backend, interface: str, directory: Path = DIRECTORY) -> None:
    """After the interface has come up. Raises: NodeError."""
    begin_again(engine, interface, load(interface, directory))


def begin_again(engine: Backend, interface: str, kept: Mapping[PublicKey, LearnedEndpoint]) -> None:
    """Sets the addresses, and begins the sessions that there were. Raises: NodeError."""
    if not kept:
        return
    device = engine.read(interface)
    quiet, begin = first_updates(device, kept, now=time.time())
    off = {peer.public_key for peer in device.peers if not peer.keepalive}
    after = tuple(one._replace(keepalive=0) for one in begin if one.public_key in off)
    for updates in (quiet, begin, after):
        if updates:
            engine.write(interface, DeviceUpdate(peers=updates))


def load(interface: str, directory: Path = DIRECTORY) -> dict[PublicKey, LearnedEndpoint]:
    """What was kept; nothing, where it is not as `save` writes it."""
    found: dict[PublicKey, LearnedEndpoint] = {}
    try:
        for key, (endpoint, handshake) in json.loads(
            _path(interface, directory).read_text()
        ).items():
            at = Endpoint.parse(endpoint, numeric=True)
            found[PublicKey.parse(key)] = LearnedEndpoint(at, float(handshake))
    except (OSError, ValueError, TypeError, AttributeError, MeshcError):
        return {}
    return found


def _path(interface: str, directory: Path) -> Path:
    return directory / f"{interface}.endpoints"
