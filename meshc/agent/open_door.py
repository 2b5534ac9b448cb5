"""A door that is open: its port, its tunnel and the desk behind it."""

from __future__ import annotations

import os
import time

from meshc.agent.core.door_desk import DoorDesk
from meshc.agent.core.door_message import Knock, decode_door, encode_door
from meshc.agent.core.door_tunnel import DOOR, DoorTunnel
from meshc.agent.door_files import DoorFiles
from meshc.agent.door_pass import DoorPass
from meshc.agent.door_socket import DoorSocket
from meshc.engine.proto.tai64n import WallEpoch

_SPARE = 16
"""Requests that are kept beyond the uses, so that the person sees who else has the token."""


class OpenDoor:
    """One door. Raises: NodeError where its port is taken."""

    def __init__(self, wish: DoorPass, files: DoorFiles) -> None:
        now = time.monotonic()
        self.wish, self.late = wish, time.time() > wish.asked_until
        self._files = files
        self.desk = DoorDesk(wish.uses + _SPARE, wish.uses)
        for request in files.requests(wish.identifier).values():
            self.desk.keep(request)
        self.desk.answer(files.answers(wish.identifier))
        epoch = WallEpoch(now, time.time_ns())
        self.tunnel = DoorTunnel(DOOR, wish.private_key, os.urandom, epoch)
        for number, key in enumerate(wish.callers, DOOR + 1):
            self.tunnel.add(number, key, wish.preshared_key, now)
        self.socket = DoorSocket(wish.port)

    def turn(self, *, read: bool) -> None:
        """What has arrived and what is due."""
        now = time.monotonic()
        if read:
            self.tunnel.receive(list(self.socket.arrived()), now)
        self.tunnel.tick(now)
        for number, data in self.tunnel.messages():
            message = decode_door(data)
            if message is None:
                continue
            replies = self.desk.receive(message, late=self.late)
            if isinstance(message, Knock) and replies:
                self._files.keep_request(self.wish.identifier, message.request)
            self.tunnel.send(number, map(encode_door, replies), now)
        self.socket.send(self.tunnel.datagrams())
