"""The path keeper: the shell around the core of an agent, with its socket, clock and device.

It changes which peer has which prefix, and nothing else; all that it writes is how it is
(`path_status`). When it ends, what it did stays as it is, because the others know of it; the next
`up` or `reload` makes what was compiled. Then, and whenever somebody else has changed the device,
it begins anew from what it finds there.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import select
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from meshc.agent import home_table
from meshc.agent.compiled_roster import CompiledRoster, read_roster
from meshc.agent.core.control_message import decode, encode
from meshc.agent.core.direct_path import DirectPath, PairState
from meshc.agent.core.direct_paths import DirectPaths, meeting
from meshc.agent.core.effect import (
    CoolPeer,
    Effect,
    ExpectDirect,
    Introduce,
    MoveBack,
    MoveDirect,
    MoveHome,
    OpenNat,
    PlaceLeaf,
    SendControl,
)
from meshc.agent.core.leaf_agent import LeafAgent
from meshc.agent.core.relay_agent import HomeRecord, RelayAgent
from meshc.agent.draining import drain_mark
from meshc.agent.near_endpoints import near_endpoints
from meshc.agent.path_opener import open_path
from meshc.agent.path_status import PathStatus, path_status
from meshc.agent.tunnel_socket import TunnelSocket
from meshc.errors import MeshcError
from meshc.node.backends import BUNDLED, Backend, backend
from meshc.node.machine import RUN_DIRECTORY
from meshc.node.state_file import Record, StateFile
from meshc.prefixes import InterfaceAddress
from meshc.wg.device_values import DeviceState, DeviceUpdate
from meshc.wg.endpoint import Endpoint

LOOK = 30.0
"""Seconds between two looks at the device: somebody else may have set it."""
LATER = 5.0
"""Seconds after which what failed is tried again."""
LONGEST_SLEEP = 1.0
MOVES_KEPT = 8
CALLERS = 2.0
"""Seconds between two looks for leaves without an agent."""
VIEW = 1.0
"""Seconds for which a relay knows where its device sees the others."""

_log = logging.getLogger(__name__)


def keep_paths(
    interface: str, stop: threading.Event, *, run_directory: Path = RUN_DIRECTORY
) -> None:
    """Looks after the paths of an interface until `stop` is set or it has gone. Where its file
    asks for no agent it sleeps."""
    last = ""
    while not stop.is_set():
        trouble = ""
        try:
            record = StateFile(run_directory, interface).load()
            if record is not None and record.complete and record.engine:
                compiled = read_roster(Path(record.file))
                if compiled is not None:
                    _keep(record, compiled, stop, run_directory)
                    continue
        except MeshcError as error:
            trouble = str(error)
        if trouble not in ("", last):
            _log.warning("%s: %s", interface, trouble)
        last = trouble
        stop.wait(LATER)


def _keep(
    record: Record, compiled: CompiledRoster, stop: threading.Event, run_directory: Path
) -> None:
    """Until the interface is set up anew. Raises: NodeError."""
    engine = backend(record.engine)
    state = StateFile(run_directory, record.interface).path
    mark = _version(state)
    device = _prepared(engine, record.interface, compiled)
    with TunnelSocket(record.interface, compiled.probe) as wire:
        keeper = _Keeper(record.interface, engine, compiled, wire, _agent(compiled, device))
        _log.info("%s: keeps paths", record.interface)
        look = time.monotonic() + LOOK
        while not stop.is_set() and _version(state) == mark:
            keeper.draining(drain_mark(record.interface, run_directory).exists())
            keeper.turn()
            keeper.show(run_directory)
            if time.monotonic() >= look:
                look = time.monotonic() + LOOK
                if keeper.was_changed():
                    return


def _prepared(engine: Backend, interface: str, compiled: CompiledRoster) -> DeviceState:
    """The device with the probe addresses on it and on its peers. Raises: NodeError."""
    from meshc.node.system.rtnetlink import Netlink

    with Netlink() as netlink:
        # a /64, so that the others are reached through the interface without a route for each
        netlink.add_address(interface, InterfaceAddress(6, compiled.probe.value, 64))
    device = engine.read(interface)
    updates = home_table.probe_updates(device, compiled)
    if updates:
        engine.write(interface, DeviceUpdate(peers=updates))
    for partner in compiled.roster.partners.keys() - home_table.direct_partners(device, compiled):
        peer = device.peer(compiled.keys[partner])
        if peer is not None and peer.endpoint is not None:
            # an attempt that another start of the agent has begun
            for update in home_table.updates_of(CoolPeer(partner), compiled, device):
                engine.write(interface, DeviceUpdate(peers=(update,)))
    return device


def _agent(compiled: CompiledRoster, device: DeviceState) -> LeafAgent | RelayAgent:
    roster, now = compiled.roster, time.monotonic()
    if not compiled.is_relay:
        home = home_table.home_of_leaf(device, compiled)
        direct = _direct_paths(compiled, device, now)
        return LeafAgent(roster, home, now, highest=int(time.time()), direct=direct)
    placed = home_table.placed_leaves(device, compiled)
    records = {leaf: HomeRecord(relay) for leaf, relay in placed.items()}
    return RelayAgent(roster, now, start=secrets.randbits(32), records=records)


def _direct_paths(compiled: CompiledRoster, device: DeviceState, now: float) -> DirectPaths:
    roster = compiled.roster
    paths = {
        partner: DirectPath(partner, roster.me < partner, first, now)
        for partner, first in roster.partners.items()
    }
    for partner in home_table.direct_partners(device, compiled):
        paths[partner].found_direct()
    relays = [device.peer(compiled.keys[relay]) for relay in roster.order] if paths else []
    return DirectPaths(paths, near_endpoints(relays, device))


class _Keeper:
    """One start of the agent."""

    def __init__(
        self,
        interface: str,
        engine: Backend,
        compiled: CompiledRoster,
        wire: TunnelSocket,
        agent: LeafAgent | RelayAgent,
    ) -> None:
        self._interface = interface
        self._engine = engine
        self._compiled = compiled
        self._wire = wire
        self._agent = agent
        self._shown: PathStatus | None = None
        self._moves: deque[tuple[float, str]] = deque(maxlen=MOVES_KEPT)
        self._next_callers = float("-inf")
        self._heard: dict[int, int] = {}
        self._since, self._why = time.time(), "as it was found"
        self._view: tuple[float, Mapping[int, Endpoint]] = (float("-inf"), {})

    def show(self, run_directory: Path) -> None:
        """Writes down how it is, when that is news."""
        status = path_status(self._agent, self._compiled.names)
        status = replace(status, since=self._since, why=self._why, moves=tuple(self._moves))
        if status != self._shown:
            self._shown = status
            status.save(self._interface, run_directory)

    def draining(self, wanted: bool) -> None:
        if isinstance(self._agent, RelayAgent) and self._agent.draining != wanted:
            self._agent.draining = wanted
            _log.warning("%s: %s", self._interface, "drains" if wanted else "takes leaves again")

    def turn(self) -> None:
        """What has arrived and what is due; sleeps until there is either. Raises: NodeError."""
        agent, now = self._agent, time.monotonic()
        wait = min(max(0.0, agent.wakes - now), LONGEST_SLEEP)
        ready, _, broken = select.select([self._wire], [], [self._wire], wait)
        for sender, data in self._wire.arrived() if ready or broken else ():
            now = time.monotonic()
            message = None if data is None else decode(data)
            if data is None:
                agent.refused(sender, now)
            elif message is not None:
                self._do(agent.receive(sender, message, now))
        if agent.wakes <= time.monotonic():
            self._do(agent.tick(time.monotonic()))
        if self._compiled.roster.quiet and time.monotonic() >= self._next_callers:
            self._next_callers = time.monotonic() + CALLERS
            self._callers()

    def _callers(self) -> None:
        """Leaves without an agent that have begun a session here since the last look."""
        assert isinstance(self._agent, RelayAgent)
        roster, keys = self._compiled.roster, self._compiled.keys
        at = {p.public_key: p.last_handshake for p in self._engine.read(self._interface).peers}
        for leaf in roster.quiet & roster.linked:
            latest = at.get(keys[leaf], 0)
            if latest > self._heard.setdefault(leaf, latest):
                self._heard[leaf] = latest
                self._do(self._agent.handshake(leaf, time.monotonic()))

    def was_changed(self) -> bool:
        """Whether the device is not as this agent left it. Raises: NodeError."""
        device = self._engine.read(self._interface)
        if home_table.probe_updates(device, self._compiled):
            return True
        if isinstance(self._agent, LeafAgent):
            paths = self._agent.direct.paths.items()
            direct = {peer for peer, path in paths if path.state is PairState.DIRECT}
            return (
                home_table.home_of_leaf(device, self._compiled) != self._agent.home
                or home_table.direct_partners(device, self._compiled) != direct
            )
        placed = home_table.placed_leaves(device, self._compiled)
        return any(placed[leaf] != one.relay for leaf, one in self._agent.records.items())

    def _do(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, SendControl):
                self._wire.send(effect.to, encode(effect.message))
            elif isinstance(effect, Introduce):
                said = meeting(effect, self._seen())
                if said is not None:
                    self._wire.send(effect.to, encode(said))
            elif isinstance(effect, OpenNat):
                device = self._engine.read(self._interface)
                open_path(effect.endpoint, effect.hops, device.listen_port, device.fwmark)
            else:
                self._change(effect)
                self._tell(effect)

    def _change(self, effect: Effect) -> None:
        """On the device. Raises: NodeError."""
        home = self._agent.home if isinstance(self._agent, LeafAgent) else 0
        device = self._engine.read(self._interface) if _needs_device(effect) else DeviceState()
        updates = home_table.updates_of(effect, self._compiled, device, home)
        if not isinstance(effect, ExpectDirect):
            for update in updates:
                self._engine.write(self._interface, DeviceUpdate(peers=(update,)))
        elif self._engine.name == BUNDLED:
            # as one change, so that no packet goes there in between; others have no such moment
            self._engine.write(self._interface, DeviceUpdate(peers=updates))

    def _seen(self) -> Mapping[int, Endpoint]:
        """Where the device sees the others, by their numbers. Raises: NodeError."""
        when, seen = self._view
        if time.monotonic() - when > VIEW:
            peers = self._engine.read(self._interface).peers
            at = {peer.public_key: peer.endpoint for peer in peers}
            known = {number: at.get(key) for number, key in self._compiled.keys.items()}
            seen = {number: one for number, one in known.items() if one is not None}
            self._view = time.monotonic(), seen
        return seen

    def _tell(self, effect: Effect) -> None:
        """A line in the log for each move, and in the status for the last ones."""
        said = _words(effect, self._compiled.names)
        if not said:
            return
        _log.warning("%s: %s", self._interface, said)
        self._moves.appendleft((round(time.time(), 1), said))
        if isinstance(effect, MoveHome):
            self._since, self._why = time.time(), effect.why


def _words(effect: Effect, names: Mapping[int, str]) -> str:
    match effect:
        case MoveHome(relay, why):
            return f"by {names[relay]}: {why}"
        case PlaceLeaf(leaf, via):
            where = "here" if via == leaf else f"with {names[via]}"
            return f"{names[leaf]} lives {where}"
        case MoveDirect(peer):
            return f"{names[peer]} directly: both agreed"
        case MoveBack(peer, why):
            return f"{names[peer]} by the relays again: {why}"
    return ""


def _needs_device(effect: Effect) -> bool:
    return isinstance(effect, MoveHome | CoolPeer)


def _version(path: Path) -> int:
    """Another number after every change of a file; 0 while there is none."""
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_mtime_ns
    return 0
