"""A door and its callers in memory: tunnels over a wire that loses, doubles and reorders."""

from __future__ import annotations

import random
from collections.abc import Callable

from meshc.agent.core.door_caller import DoorCaller
from meshc.agent.core.door_desk import DoorDesk
from meshc.agent.core.door_message import decode_door, encode_door
from meshc.agent.core.door_tunnel import DOOR, DoorTunnel
from meshc.engine.proto.tai64n import WallEpoch
from meshc.engine.proto.udp_path import UdpPath
from meshc.keys import PresharedKey
from meshc.wg.endpoint import Endpoint
from tests.support.wire import private_key

START = 1000.0
UNIX = 1_800_000_000_000_000_000
PSK = PresharedKey(bytes(range(32)))
DOOR_KEY = private_key("door")
AT = Endpoint("192.0.2.1", 51900)


class DoorWorld:
    """Time goes in steps of 50 ms. `cut` is called before each and may change anything."""

    def __init__(self, seed: int = 0, *, loss: float = 0.0, most: int = 4, uses: int = 1) -> None:
        self.random = random.Random(seed)
        self.loss, self.now = loss, START
        self.most, self.uses = most, uses
        self.desk = DoorDesk(most, uses)
        self.late = False
        self.callers: dict[int, tuple[DoorCaller, DoorTunnel]] = {}
        self.numbers: dict[int, str] = {}
        self._wire: list[tuple[float, int, bytes]] = []  # when, to whom (0: the door), what
        self.door = self._open()

    def _open(self) -> DoorTunnel:
        made = DoorTunnel(DOOR, DOOR_KEY, self.random.randbytes, self._epoch())
        for number, key in self.numbers.items():
            made.add(number, private_key(key).public_key(), PSK, self.now)
        return made

    def _epoch(self) -> WallEpoch:
        return WallEpoch(self.now, UNIX + round((self.now - START) * 1e9))

    def caller(
        self, number: int, request: bytes, *, key: str = "", known: bool = True
    ) -> DoorCaller:
        """A machine that knocks; the door knows its key, or not."""
        key = key or f"caller {number}"
        if known and number not in self.numbers:
            self.numbers[number] = key
            self.door.add(number, private_key(key).public_key(), PSK, self.now)
        tunnel = DoorTunnel(number, private_key(key), self.random.randbytes, self._epoch())
        tunnel.add(DOOR, DOOR_KEY.public_key(), PSK, self.now, AT)
        made = DoorCaller(request, self.now)
        self.callers[number] = (made, tunnel)
        return made

    def restart_door(self) -> None:
        """The relay's agent was killed: it has its files, and no session."""
        kept = self.desk.requests().values()
        self.desk = DoorDesk(self.most, self.uses)
        for request in kept:
            self.desk.keep(request)
        self.door = self._open()

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Whether `until` came true in time."""
        end = self.now + seconds
        while self.now < end and not until():
            self.now += 0.05
            self._step()
        return until()

    def _step(self) -> None:
        arrived = [flying for flying in self._wire if flying[0] <= self.now]
        self._wire = [flying for flying in self._wire if flying[0] > self.now]
        for _, to, data in arrived:
            tunnel = self.door if to == 0 else self.callers[to][1]
            source = UdpPath("192.0.2.1", 51900) if to else UdpPath("198.51.100.1", 1000)
            if to == 0:
                source = UdpPath("198.51.100.1", 1000 + data[0])
                data = data[1:]
            tunnel.receive([(data, source)], self.now)
        self._serve()
        for number, (caller, tunnel) in self.callers.items():
            tunnel.tick(self.now)
            replies = caller.due(self.now)
            for _, message in tunnel.messages():
                found = decode_door(message)
                if found is not None:
                    replies += caller.receive(found, self.now)
            tunnel.send(DOOR, map(encode_door, replies), self.now)
            for _, datagrams in tunnel.datagrams():
                for data in datagrams:
                    self._send(0, bytes([number]) + data)

    def _serve(self) -> None:
        self.door.tick(self.now)
        for number, message in self.door.messages():
            found = decode_door(message)
            if found is not None:
                replies = self.desk.receive(found, late=self.late)
                self.door.send(number, map(encode_door, replies), self.now)
        for path, datagrams in self.door.datagrams():
            for data in datagrams:
                self._send(path.port - 1000, data)

    def _send(self, to: int, data: bytes) -> None:
        copies = 0 if self.random.random() < self.loss else 1 + (self.random.random() < 0.05)
        for _ in range(copies):
            self._wire.append((self.now + self.random.uniform(0.01, 0.2), to, data))
