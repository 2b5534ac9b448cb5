from __future__ import annotations

import socket
from typing import NamedTuple

import pytest

from meshc.engine.io.mmsg import SLOT, SLOTS, Receiver


@pytest.fixture
def pair():  # type: ignore[no-untyped-def]
    receiving = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiving.bind(("127.0.0.1", 0))
    sending = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sending.bind(("127.0.0.1", 0))
    sending.connect(receiving.getsockname())
    yield receiving, sending
    receiving.close()
    sending.close()


class Message(NamedTuple):
    """Messages of one length and sender, in slots next to each other."""

    slot: int
    number: int
    length: int
    name: bytes
    control: bytes


def received(receiver: Receiver, sock: socket.socket, *loose: int) -> list[Message]:
    """What one call brings; the messages number `loose` may be of any kind."""
    count = receiver.receive(sock.fileno())
    mask = [slot in loose for slot in range(count)]
    ends = receiver.ends(0, count, mask) if count else []
    return [
        Message(start, end - start, receiver.length(start), *receiver.sender(start))
        for start, end in zip([0, *ends], ends, strict=False)
    ]


def contents(receiver: Receiver, slot: int, length: int) -> bytes:
    return bytes(receiver.arena.view[slot * SLOT : slot * SLOT + length])


def test_an_empty_socket_gives_nothing(pair) -> None:  # type: ignore[no-untyped-def]
    assert received(Receiver(), pair[0]) == []


def test_one_datagram(pair) -> None:  # type: ignore[no-untyped-def]
    receiver = Receiver()
    pair[1].send(b"hello")

    (message,) = received(receiver, pair[0])

    assert (message.slot, message.number, message.length) == (0, 1, 5)
    assert contents(receiver, 0, 5) == b"hello"
    assert int.from_bytes(message.name[2:4], "big") == pair[1].getsockname()[1]


def test_datagrams_that_are_alike_come_as_one_message(pair) -> None:  # type: ignore[no-untyped-def]
    receiver = Receiver()
    for number in range(10):
        pair[1].send(bytes([number]) * 100)

    (message,) = received(receiver, pair[0])

    assert (message.number, message.length) == (10, 100)
    assert contents(receiver, 9, 100) == bytes([9]) * 100


def test_datagrams_that_differ_come_one_by_one(pair) -> None:  # type: ignore[no-untyped-def]
    receiver = Receiver()
    for size in (10, 20, 0, 20):
        pair[1].send(bytes(size))

    messages = received(receiver, pair[0])

    assert [(m.slot, m.number, m.length) for m in messages] == [
        (0, 1, 10),
        (1, 1, 20),
        (2, 1, 0),
        (3, 1, 20),
    ]


def test_runs_are_found_among_others(pair) -> None:  # type: ignore[no-untyped-def]
    receiver = Receiver()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        for _ in range(3):
            pair[1].send(bytes(100))
        for _ in range(4):
            other.sendto(bytes(100), pair[0].getsockname())
        pair[1].send(bytes(60))
        for _ in range(2):
            pair[1].send(bytes(100))
        messages = received(receiver, pair[0])

    assert [(m.slot, m.number, m.length) for m in messages] == [
        (0, 3, 100),
        (3, 4, 100),
        (7, 1, 60),
        (8, 2, 100),
    ]
    assert messages[0].name == messages[2].name != messages[1].name


@pytest.mark.parametrize("number", [1, 5])
def test_nothing_is_left_in_the_slots_that_could_split_later_runs(pair, number: int) -> None:  # type: ignore[no-untyped-def]
    receiver = Receiver()
    pair[0].setsockopt(socket.IPPROTO_IP, 8, 1)  # IP_PKTINFO
    for _ in range(number):
        pair[1].send(bytes(100))

    (message,) = received(receiver, pair[0])
    assert received(receiver, pair[0]) == []

    assert len(message.control) == socket.CMSG_SPACE(12)
    assert not any(receiver._controls)


def test_loose_messages_make_a_run_whatever_they_are(pair) -> None:  # type: ignore[no-untyped-def]
    receiver = Receiver()
    sizes = [100, 100, 7, 8, 9, 100, 100, 9]
    for size in sizes:
        pair[1].send(bytes(size))

    messages = received(receiver, pair[0], 2, 3, 4, 7)

    assert [(m.slot, m.number) for m in messages] == [(0, 2), (2, 3), (5, 2), (7, 1)]
    assert receiver.lengths[:8].tolist() == sizes


def test_senders_are_told_apart(pair) -> None:  # type: ignore[no-untyped-def]
    receiver = Receiver()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        pair[1].send(b"same")
        other.sendto(b"size", pair[0].getsockname())
        messages = received(receiver, pair[0])

    assert len({message.name for message in messages}) == 2


def test_more_than_fits_comes_with_the_next_call(pair) -> None:  # type: ignore[no-untyped-def]
    receiver = Receiver()
    for _ in range(SLOTS + 5):
        pair[1].send(b"x" * 50)

    assert sum(m.number for m in received(receiver, pair[0])) == SLOTS
    assert sum(m.number for m in received(receiver, pair[0])) == 5
    assert received(receiver, pair[0]) == []


def test_the_greatest_datagram_arrives_whole(pair) -> None:  # type: ignore[no-untyped-def]
    receiver = Receiver()
    data = bytes(range(256)) * 255
    pair[1].send(data)
    pair[1].send(data)

    (message,) = received(receiver, pair[0])

    assert contents(receiver, 1, message.length) == data


def test_a_descriptor_that_is_no_socket_is_an_error() -> None:
    with open("/dev/null", "rb") as file, pytest.raises(OSError, match="socket"):
        Receiver().receive(file.fileno())
