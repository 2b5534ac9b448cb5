"""Calling at a door: the new machine's side, which needs no right and no interface."""

from __future__ import annotations

import os
import select
import socket
import time

from meshc.agent.core.door_caller import DoorCaller
from meshc.agent.core.door_message import decode_door, encode_door
from meshc.agent.core.door_tunnel import DOOR, DoorTunnel
from meshc.agent.door_socket import DoorSocket
from meshc.engine.proto.tai64n import WallEpoch
from meshc.enrolment.core.enrolment_keys import EnrolmentKeys
from meshc.enrolment.core.invite_token import DoorPlace
from meshc.errors import ConfigError, NodeError
from meshc.wg.endpoint import Endpoint

SILENCE = 7.0
"""Seconds without a word of the door after which it is called anew, with another of the keys and
from another port: a session with one that was restarted would take longer to find out."""


def call_door(place: DoorPlace, keys: EnrolmentKeys, line: str, *, seconds: float) -> str | None:
    """The answer to a request; None when there was none in time. Raises: NodeError when nobody
    opened at all."""
    end, heard = time.monotonic() + seconds, False
    slot = first_slot(place.callers)
    while time.monotonic() < end:
        call = _DoorCall(place, keys, line, slot)
        try:
            answer = call.run(end)
        finally:
            call.socket.close()
            heard = heard or call.caller.heard
        if answer is not None:
            return answer.decode("ascii", "replace")
        slot = (slot + 1) % place.callers
    if not heard:
        raise NodeError(
            f"nobody opens at {place.host}, UDP port {place.port}",
            hint="its firewall must let it in, and its agent must run; or carry the request",
        )
    return None


def first_slot(callers: int) -> int:
    """Any of them: machines of one invitation know nothing of each other. Where two have taken the
    same, the one that hears nothing goes on to the next."""
    return int.from_bytes(os.urandom(4), "big") % callers


class _DoorCall:
    """One attempt. Raises: NodeError for a place that has no address."""

    def __init__(self, place: DoorPlace, keys: EnrolmentKeys, line: str, slot: int) -> None:
        now = time.monotonic()
        self.caller = DoorCaller(line.encode(), now)
        self._tunnel = DoorTunnel(
            DOOR + 1 + slot, keys.caller(slot), os.urandom, WallEpoch(now, time.time_ns())
        )
        endpoint = Endpoint(_address(place.host, place.port), place.port)
        psk = keys.door_preshared_key()
        try:
            self._tunnel.add(DOOR, place.public_key, psk, now, endpoint)
        except ConfigError as error:
            raise NodeError(f"{place.host}: {error}") from None
        self._heard = now
        self.socket = DoorSocket()

    def run(self, end: float) -> bytes | None:
        """Until there is an answer, or nobody has said anything for a while."""
        while (now := time.monotonic()) < min(end, self._heard + SILENCE):
            self._tunnel.tick(now)
            self._tunnel.send(DOOR, map(encode_door, self.caller.due(now)), now)
            self.socket.send(self._tunnel.datagrams())
            wakes = min(end, self._heard + SILENCE, self.caller.wakes, self._tunnel.wakes() or end)
            ready, _, _ = select.select([self.socket], [], [], max(0.0, wakes - now))
            if ready and self._read() and self.caller.answer is not None:
                return self.caller.answer
        return None

    def _read(self) -> bool:
        now = time.monotonic()
        self._tunnel.receive(list(self.socket.arrived()), now)
        for _, data in self._tunnel.messages():
            self._heard = now
            message = decode_door(data)
            if message is not None:
                replies = self.caller.receive(message, now)
                self._tunnel.send(DOOR, map(encode_door, replies), now)
        self.socket.send(self._tunnel.datagrams())
        return True


def _address(host: str, port: int) -> str:
    """Raises: NodeError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except OSError as error:
        raise NodeError(f"{host} has no address: {error.strerror or error}") from None
    # IPv4 first: every relay has it, and the door is bound to both
    found.sort(key=lambda entry: entry[0] != socket.AF_INET)
    return str(found[0][4][0])
