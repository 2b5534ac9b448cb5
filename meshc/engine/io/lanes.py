"""Lanes: the sessions in use, as the compiled data path knows them between two looks of Python's.

A lane holds what a session's packets need on their way: key, addresses, path. `Sessions` stays the
only truth: before a turn each lane is compared with it, and dropped if anything has changed; after
a turn what the lane did is told to it. What belongs to no lane goes through `Outbound`, `Inbound`
and `Device`, which is how a session comes by a lane.
"""

from __future__ import annotations

import socket
from struct import Struct
from typing import NamedTuple

import meshc_native

from meshc.engine.io.bind import Bind, Route
from meshc.engine.io.mmsg import SLOT
from meshc.engine.proto.constants import REJECT_AFTER_TIME
from meshc.engine.proto.datapath import single
from meshc.engine.proto.device import Device
from meshc.engine.proto.drop_reason import DropReason
from meshc.engine.proto.keypair import Keypair
from meshc.engine.proto.peer import Peer
from meshc.engine.proto.udp_path import UdpPath

MOST_LANES = 8
"""Sessions with a lane in each direction; with more in use at a time, turns are short anyway."""

# Messages a lane may seal in a turn: 64 super-packets of the usual size.
_ALLOWED = 4096
_MOST_DESTINATIONS = 16
_V4, _V6 = Struct("=H2s4s8x"), Struct("=H2s4x16sI")


class _Outgoing(NamedTuple):
    peer: Peer
    keypair: Keypair
    endpoint: UdpPath
    route: Route
    version: int
    destinations: set[bytes]
    lane: meshc_native.OutLane


class _Incoming(NamedTuple):
    peer: Peer
    keypair: Keypair
    endpoint: UdpPath
    version: int
    lane: meshc_native.InLane


class OutLanes:
    """Lanes to peers."""

    def __init__(self, device: Device, bind: Bind) -> None:
        self._device = device
        self._bind = bind
        self._lanes: dict[Peer, _Outgoing] = {}

    def ready(self, now: float) -> list[_Outgoing]:
        """The lanes that hold, each with leave for a turn."""
        valid = []
        for peer, known in list(self._lanes.items()):
            if self._holds(known, now):
                known.lane.allowed = _ALLOWED
                valid.append(known)
            else:
                del self._lanes[peer]
        return valid

    def _holds(self, known: _Outgoing, now: float) -> bool:
        device, peer, endpoint = self._device, known.peer, known.endpoint
        if known.version != device.allowed_ips.version or peer.endpoint is not endpoint:
            return False
        if device.sessions.sending(peer, _ALLOWED, now) is not known.keypair:
            return False
        return self._route(endpoint) is known.route

    def _route(self, endpoint: UdpPath) -> Route | None:
        """The way to an endpoint; None if datagrams must go there one by one, or cannot at all."""
        try:
            return self._bind.route(endpoint) if self._bind.may_segment(endpoint.host) else None
        except OSError:
            return None  # the next datagram to be sent says so

    def prune(self) -> None:
        """Let go of keys that their sessions have let go of."""
        for peer, known in list(self._lanes.items()):
            if peer.keypairs.current is not known.keypair:
                del self._lanes[peer]

    def account(self, lanes: list[_Outgoing], now: float) -> None:
        """Tell what was sent."""
        for peer, keypair, *_, lane in lanes:
            octets = lane.take_octets()
            if octets:
                self._device.sessions.sent(peer, keypair, size=octets, now=now)
                peer.timers.data_sent(now)

    def learn(self, packet: memoryview, now: float) -> None:
        """A packet has gone the long way: the next one to its destination may take a lane."""
        device = self._device
        destination = single.destination_of(packet)
        peer = None if destination is None else device.allowed_ips.lookup(destination)
        keypair = None if peer is None else device.sessions.sending(peer, _ALLOWED, now)
        if destination is None or peer is None or keypair is None or peer.endpoint is None:
            return
        known = self._lanes.get(peer)
        if (
            known is None
            or not self._holds(known, now)
            or len(known.destinations) >= (_MOST_DESTINATIONS)
        ):
            route = self._route(peer.endpoint)
            if route is None:
                return
            self._lanes.pop(peer, None)
            if len(self._lanes) >= MOST_LANES:
                del self._lanes[next(iter(self._lanes))]
            version = device.allowed_ips.version
            known = _Outgoing(
                peer, keypair, peer.endpoint, route, version, set(), _lane(keypair, route)
            )
            self._lanes[peer] = known
        if destination not in known.destinations:
            known.destinations.add(destination)
            known.lane.add(destination)


class InLanes:
    """Lanes from peers."""

    def __init__(self, device: Device, bind: Bind) -> None:
        self._device = device
        self._bind = bind
        self._lanes: dict[int, _Incoming] = {}

    def ready(self, now: float) -> list[_Incoming]:
        """The lanes that hold."""
        device, valid = self._device, []
        for index, known in list(self._lanes.items()):
            entry = device.sessions.indices.get(index)
            if (
                entry is not None
                and entry[1] is known.keypair
                and now - known.keypair.birthday < REJECT_AFTER_TIME
                and known.version == device.allowed_ips.version
            ):
                valid.append(known)
            else:
                del self._lanes[index]
        return valid

    def prune(self) -> None:
        """Let go of keys that their sessions have let go of."""
        for index, known in list(self._lanes.items()):
            entry = self._device.sessions.indices.get(index)
            if entry is None or entry[1] is not known.keypair:
                del self._lanes[index]

    def account(self, lanes: list[_Incoming], now: float) -> None:
        """Tell what was received."""
        device = self._device
        drops = device.drops
        for peer, keypair, endpoint, _, lane in lanes:
            octets, has_data, *dropped = lane.take_counts()
            if any(dropped):
                drops[DropReason.BAD_AEAD] += dropped[0]
                drops[DropReason.REPLAYED] += dropped[1]
                drops[DropReason.INNER_MALFORMED] += dropped[2]
                drops[DropReason.INNER_SOURCE] += dropped[3]
            if octets:
                device.sessions.received(
                    peer, keypair, endpoint, size=octets, has_data=has_data, now=now
                )

    def learn(self, index: int, offset: int, endpoint: UdpPath) -> None:
        """Messages for `index` from the slot at `offset` have gone the long way: the next ones from
        there may take a lane, if these were authentic."""
        device = self._device
        entry = device.sessions.indices.get(index)
        if entry is None or entry[1] is None or entry[0].endpoint != endpoint:
            return
        peer, keypair = entry[0], entry[1]
        name, control = self._bind.sender(offset // SLOT)
        routes = device.allowed_ips
        lookup, had = routes.lookup, routes.had
        lane = meshc_native.InLane(
            keypair.opening,
            index,
            name,
            control,
            lambda source: lookup(source) is peer or had(source, peer),
        )
        self._lanes.pop(index, None)
        if len(self._lanes) >= MOST_LANES:
            del self._lanes[next(iter(self._lanes))]
        version = device.allowed_ips.version
        self._lanes[index] = _Incoming(peer, keypair, endpoint, version, lane)


def _lane(keypair: Keypair, route: Route) -> meshc_native.OutLane:
    sock, address, ancillary = route
    port = address[1].to_bytes(2, "big")
    if sock.family == socket.AF_INET:
        name = _V4.pack(socket.AF_INET, port, socket.inet_pton(socket.AF_INET, address[0]))
    else:
        host = socket.inet_pton(socket.AF_INET6, address[0])
        name = _V6.pack(socket.AF_INET6, port, host, address[3] if len(address) == 4 else 0)
    source = ancillary[0] if ancillary else None
    return meshc_native.OutLane(keypair.sealing, sock.fileno(), name, source)
