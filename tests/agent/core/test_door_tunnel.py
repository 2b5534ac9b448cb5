"""The tunnel behind a door: what is inside is for the desk, from who owns the address."""

from __future__ import annotations

import random

from meshc.agent.core import door_tunnel
from meshc.agent.core.door_tunnel import DOOR, DoorTunnel
from meshc.engine.proto.tai64n import WallEpoch
from meshc.engine.proto.udp_path import UdpPath
from tests.support.door_world import AT, DOOR_KEY, PSK, START, UNIX
from tests.support.wire import private_key

HERE = UdpPath("198.51.100.1", 1002)


def pair() -> tuple[DoorTunnel, DoorTunnel]:
    """A door that knows caller 2, and that caller."""
    epoch = WallEpoch(START, UNIX)
    door = DoorTunnel(DOOR, DOOR_KEY, random.Random(1).randbytes, epoch)
    caller = DoorTunnel(2, private_key("two"), random.Random(2).randbytes, epoch)
    door.add(2, private_key("two").public_key(), PSK, START)
    door.add(3, private_key("three").public_key(), PSK, START)
    caller.add(DOOR, DOOR_KEY.public_key(), PSK, START, AT)
    return door, caller


def exchange(door: DoorTunnel, caller: DoorTunnel) -> list[tuple[int, bytes]]:
    """All that is said, until nobody says more; what has arrived at the door."""
    arrived = []
    for _ in range(6):
        for one, other, path in ((caller, door, HERE), (door, caller, UdpPath(AT.host, AT.port))):
            for _, datagrams in one.datagrams():
                other.receive([(data, path) for data in datagrams], START)
            arrived += door.messages()
    return arrived


def test_a_message_arrives_with_who_sent_it() -> None:
    door, caller = pair()
    caller.send(DOOR, [b"hello", b"again"], START)
    assert exchange(door, caller) == [(2, b"hello"), (2, b"again")]
    door.send(2, [b"welcome"], START)
    exchange(door, caller)
    assert caller.messages() == [(DOOR, b"welcome")]


def test_an_address_of_another_caller_is_dropped() -> None:
    """WireGuard's own filter, by the key."""
    door, caller = pair()
    caller._device.receive_packets([door_tunnel._packet(3, DOOR, b"I am three")], START)
    assert exchange(door, caller) == []


def test_what_is_not_for_the_desk_goes_nowhere() -> None:
    door, caller = pair()
    packet = bytearray(door_tunnel._packet(2, DOOR, b"x" * 20))
    packet[6] = 17  # UDP
    elsewhere = door_tunnel._packet(2, 99, b"for somebody else")
    caller._device.receive_packets([bytes(packet)], START)
    assert exchange(door, caller) == []
    caller.add(99, private_key("99").public_key(), PSK, START, AT)
    caller._device.receive_packets([elsewhere], START)
    assert exchange(door, caller) == []


def test_it_says_when_it_wants_to_be_called() -> None:
    door, caller = pair()
    assert door.wakes() is None
    caller.send(DOOR, [b"hello"], START)
    assert (caller.wakes() or 0) > START
