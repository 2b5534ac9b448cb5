"""How an interface does: peers by name, who is reached through whom, and drift from the file."""

from __future__ import annotations

import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from pathlib import Path

from meshc.errors import MeshcError, NodeError, PrefixFormatError
from meshc.keys import PublicKey
from meshc.node import nodefile
from meshc.node.agent_moves import as_agents_left_it
from meshc.node.backends import KERNEL, backend, of_running
from meshc.node.foreign_firewall import in_the_way
from meshc.node.lifecycle import drift, foreign_drift
from meshc.node.machine import RUN_DIRECTORY, Machine, require_rights
from meshc.node.nodefile import InterfaceFile
from meshc.node.state_file import Record, StateFile
from meshc.node.system import processes
from meshc.node.system.wireguard import short
from meshc.node.system_values import is_literal
from meshc.prefixes import Prefix
from meshc.values import dataclass
from meshc.wg.device_values import DeviceState, PeerState

REJECT_AFTER = 180.0
"""Seconds after which a session's keys are refused (whitepaper 6.1, REJECT_AFTER_TIME)."""

FIRST_HANDSHAKE = 15.0
"""Seconds: three tries of REKEY_TIMEOUT (whitepaper 6.1)."""


class Health(Enum):
    """`lost`: a keepalive is set, by us or (where the file has no endpoint for a peer, so that it
    must call us) by the peer, and yet there is no live session; or what we sent was never
    answered. `asleep`: the same of a peer that may be switched off or asleep by choice. `idle`: no
    session, and nobody needs one now. `never`: no handshake since the interface came up."""

    LIVE = "live"
    IDLE = "idle"
    ASLEEP = "asleep"
    NEVER = "never"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class TunnelStatus:
    """`handshake` is its age in seconds, None for never; `reaches` names the nodes whose traffic
    goes through this peer, apart from itself. `expected` says that there should be a session,
    whether there is one or not."""

    name: str
    public_key: str
    endpoint: str
    handshake: float | None
    received: int
    sent: int
    keepalive: int
    health: Health
    allowed_ips: tuple[str, ...]
    reaches: tuple[str, ...] = ()
    expected: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    """`drift` are sentences, each a change that would make the machine what the file says.
    `since` is unix time, None when somebody else brought the interface up."""

    interface: str
    up: bool
    node: str = ""
    engine: str = ""
    file: str = ""
    listen_port: int = 0
    mtu: int = 0
    since: float | None = None
    addresses: tuple[str, ...] = ()
    peers: tuple[TunnelStatus, ...] = ()
    drift: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    unreadable: bool = False

    @property
    def exit_code(self) -> int:
        """0 all is well, 1 something wants attention, 2 the interface is not up, 3 nobody can
        tell: no rights, or a damaged state file."""
        if self.unreadable:
            return 3
        if not self.up:
            return 2
        lost = any(peer.health is Health.LOST for peer in self.peers)
        return 1 if lost or self.drift or self.problems else 0


def status(
    interface: str, *, run_directory: Path = RUN_DIRECTORY, now: float | None = None
) -> Status:
    """Looks at one interface, also at one that something else brought up (without drift then).

    `now` is unix time, for tests. Raises: NodeError when it cannot be read."""
    from meshc.node.system.rtnetlink import Netlink

    require_rights()
    moment = time.time() if now is None else now
    record = StateFile(run_directory, interface).load()
    with Netlink() as netlink:
        machine = Machine(netlink, run_directory, record.token if record else "", notes=[])
        link = netlink.link(interface)
        if link is None:
            return _ended(interface, record) if record else Status(interface, False)
        engine = backend(record.engine) if record and record.engine else of_running(interface)
        machine.engine = engine
        try:
            device = engine.read(interface)
        except NodeError:
            # the interface of an engine that was killed goes a moment after it
            if record is None or engine.name == KERNEL or processes.find(record.token):
                raise
            return _ended(interface, record)
        file, problems = _file(record, interface)
        since = record.since if record else 0.0
        peers = peer_table(device, file, now=moment, since=since)
        settled = None if file is None else as_agents_left_it(file, device)
        drifted = _drifted(machine, settled, record, peers)
        if file is not None:
            problems = (*problems, *_readable_key(file), *map(str, in_the_way(file)))
        return Status(
            interface,
            True,
            record.node if record else "",
            engine.name,
            record.file if record else "",
            device.listen_port,
            link.mtu,
            record.since if record else None,
            tuple(str(address) for address in netlink.addresses(interface)),
            peers,
            drifted,
            problems,
        )


def _drifted(
    machine: Machine,
    file: InterfaceFile | None,
    record: Record | None,
    peers: Iterable[TunnelStatus],
) -> tuple[str, ...]:
    if file is None:
        return ()
    if record is not None:
        found = drift(machine, file, record, lookup=False)
    else:
        found = foreign_drift(machine, file)
    return (*(change.describe() for change in found), *_moved_away(file, peers))


def _ended(interface: str, record: Record) -> Status:
    died = f"{record.engine or 'the engine'} has ended"
    return Status(interface, False, record.node, problems=(died,))


def _moved_away(file: InterfaceFile, peers: Iterable[TunnelStatus]) -> Iterator[str]:
    """Peers without a session that are looked for elsewhere than where the file says. With one,
    it is a peer that moved and was heard from there."""
    said = {p.public_key: str(p.endpoint) for p in file.conf.peers if p.endpoint}
    literal = {p.public_key for p in file.conf.peers if p.endpoint and is_literal(p.endpoint.host)}
    for peer in peers:
        wanted = said.get(PublicKey(peer.public_key), "")
        away = peer.public_key in literal and peer.endpoint != wanted
        if away and peer.health is not Health.LIVE:
            yield f"endpoint {wanted} of {peer.name} (now {peer.endpoint or 'none'})"


def _readable_key(file: InterfaceFile) -> tuple[str, ...]:
    mode = stat.S_IMODE(file.path.stat().st_mode)
    if file.conf.private_key is None or not mode & 0o077:
        return ()
    return (f"{file.path} holds a private key and others can read it (mode {mode:o}): chmod 600",)


def interfaces(run_directory: Path = RUN_DIRECTORY) -> tuple[str, ...]:
    """Those that meshc brought up, sorted."""
    return tuple(sorted(path.stem for path in run_directory.glob("*.json")))


def peer_table(
    device: DeviceState, file: InterfaceFile | None, *, now: float, since: float = 0.0
) -> tuple[TunnelStatus, ...]:
    """The peers by name; `since` is when the interface came up. Reads the `hosts` file beside the
    node's directory, to say who is reached through whom."""
    names = _names(file)
    through = _through(device, file, names)
    callers = {p.public_key for p in file.conf.peers if p.endpoint is None} if file else set()
    sleepers = file.sleepers if file else frozenset()
    found = []
    for peer in device.peers:
        name = names.get(peer.public_key, short(peer.public_key))
        age = max(0.0, now - peer.handshake) if peer.handshake else None
        sleeps, calls_us = peer.public_key in sleepers, peer.public_key in callers
        state = health(peer, age, now - since, calls_us=calls_us)
        found.append(
            TunnelStatus(
                name,
                peer.public_key,
                str(peer.endpoint) if peer.endpoint else "",
                age,
                peer.rx_bytes,
                peer.tx_bytes,
                peer.keepalive,
                Health.ASLEEP if sleeps and state is Health.LOST else state,
                tuple(map(str, peer.allowed_ips)),
                tuple(node for node in through.get(peer.public_key, ()) if node != name),
                not sleeps and (calls_us or peer.keepalive > 0 or state is Health.LOST),
            )
        )
    return tuple(sorted(found, key=lambda peer: peer.name))


def health(peer: PeerState, age: float | None, uptime: float, *, calls_us: bool = False) -> Health:
    """A keepalive makes traffic, traffic makes a handshake every two minutes: when there is a
    keepalive and no session, packets are lost or the other side is gone. `age` of the handshake
    and `uptime` are seconds; a peer has as long as one attempt takes for its first handshake, and
    one that `calls_us` as long as its session would have lived, for it may come later."""
    if age is not None and age <= REJECT_AFTER:
        return Health.LIVE
    if calls_us and (age is not None or uptime > REJECT_AFTER):
        return Health.LOST
    if age is None and peer.tx_bytes and uptime > FIRST_HANDSHAKE:
        return Health.LOST
    if peer.keepalive and (age is not None or uptime > FIRST_HANDSHAKE):
        return Health.LOST
    return Health.NEVER if age is None else Health.IDLE


def read_hosts(text: str) -> dict[str, tuple[Prefix, ...]]:
    """Node name -> addresses, from the hosts file of a build (hosts(5))."""
    found: dict[str, tuple[Prefix, ...]] = {}
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if len(words) < 2:
            continue
        try:
            address = Prefix.host(words[0])
        except PrefixFormatError:
            continue
        name = min(words[1:], key=len)
        found[name] = (*found.get(name, ()), address)
    return found


def _file(record: Record | None, interface: str) -> tuple[InterfaceFile | None, tuple[str, ...]]:
    """The file that an interface was brought up with; where wg-quick did it, the one that it takes
    the name from."""
    path = Path(record.file) if record else nodefile.ETC / f"{interface}.conf"
    if record is None and not path.is_file():
        return None, ()
    try:
        return nodefile.read(path), ()
    except MeshcError as error:
        return None, (f"the file cannot be read any more: {error}",)


def _names(file: InterfaceFile | None) -> dict[str, str]:
    if file is None:
        return {}
    names = {str(peer.public_key): peer.name for peer in file.conf.peers if peer.name}
    return names | {str(key): name for key, name in file.names.items()}


def _through(
    device: DeviceState, file: InterfaceFile | None, names: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """Public key -> the nodes that are reached through that peer, by the longest prefix."""
    if file is None or not file.node:
        return {}
    hosts = file.path.parent.parent / "hosts"
    if not hosts.is_file():
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for name, addresses in sorted(read_hosts(hosts.read_text(encoding="utf-8")).items()):
        for key in sorted({_next_hop(device.peers, address) for address in addresses} - {""}):
            if name not in (file.node, names.get(key)):
                found[key] = (*found.get(key, ()), name)
    return found


def _next_hop(peers: Iterable[PeerState], address: Prefix) -> str:
    best, key = -1, ""
    for peer in peers:
        for prefix in peer.allowed_ips:
            if prefix.contains(address) and prefix.length > best:
                best, key = prefix.length, peer.public_key
    return key
