"""An open door: who knocks is kept for the controller, also over a restart, and nothing is lost."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshc.agent.core.door_message import Knock, Wait, decode_door, encode_door, short_hash
from meshc.agent.core.door_tunnel import DOOR, DoorTunnel
from meshc.agent.door_files import DoorFiles
from meshc.agent.door_socket import DoorSocket
from meshc.agent.open_door import OpenDoor
from meshc.engine.proto.tai64n import WallEpoch
from meshc.wg.endpoint import Endpoint
from tests.support.enrolments import a_pass, free_port, token

LONG = 1 << 40


@pytest.fixture
def files(tmp_path: Path) -> DoorFiles:
    return DoorFiles("wg0", tmp_path)


@pytest.fixture
def door(files: DoorFiles) -> Iterator[OpenDoor]:
    one = a_pass(port=free_port(), until=LONG)
    files.wish({one.identifier: one})
    opened = OpenDoor(one, files)
    yield opened
    opened.socket.close()


def knock(door: OpenDoor, request: bytes) -> object:
    """What the door says to a request, over real sockets; None when it says nothing."""
    now, keys, wire = time.monotonic(), token().keys(), DoorSocket()
    tunnel = DoorTunnel(DOOR + 1, keys.caller(0), os.urandom, WallEpoch(now, time.time_ns()))
    there = Endpoint("127.0.0.1", door.socket.port)
    key = door.wish.private_key.public_key()
    tunnel.add(DOOR, key, keys.door_preshared_key(), now, there)
    tunnel.send(DOOR, [encode_door(Knock(request))], now)
    try:
        for _ in range(8):
            wire.send(tunnel.datagrams())
            if select.select([door.socket], [], [], 0.3)[0]:
                door.turn(read=True)
            if select.select([wire], [], [], 0.3)[0]:
                tunnel.receive(list(wire.arrived()), time.monotonic())
            for _, message in tunnel.messages():
                return decode_door(message)
        return None
    finally:
        wire.close()


def test_who_knocks_is_kept(door: OpenDoor, files: DoorFiles) -> None:
    door.late = False
    assert knock(door, b"request") == Wait(short_hash(b"request"))
    assert files.requests(door.wish.identifier) == {short_hash(b"request"): b"request"}


def test_who_comes_after_the_date_is_not(door: OpenDoor, files: DoorFiles) -> None:
    door.late = True
    assert knock(door, b"request") is None
    assert files.requests(door.wish.identifier) == {}


def test_a_door_that_is_opened_again_knows_who_has_asked(files: DoorFiles) -> None:
    one = a_pass(port=free_port(), until=LONG)
    files.wish({one.identifier: one})
    files.keep_request(one.identifier, b"request")
    opened = OpenDoor(one, files)
    opened.late = True
    try:
        assert knock(opened, b"request") == Wait(short_hash(b"request"))
    finally:
        opened.socket.close()
