from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

import pytest

from meshc.engine.io.bind import Bind
from meshc.engine.proto.gso import Send
from meshc.engine.proto.udp_path import UdpPath
from tests.support.enginenet import wait_for


@pytest.fixture
def binds() -> Iterator[tuple[Bind, Bind]]:
    pair = Bind(), Bind()
    for bind in pair:
        bind.open(0, 0)
    yield pair
    for bind in pair:
        bind.close()


def send(bind: Bind, to: UdpPath, datagrams: list[bytes]) -> None:
    data = b"".join(datagrams)
    bind.send(Send(memoryview(data), len(datagrams[0]), len(datagrams)), to)


def transport(number: int, size: int) -> bytes:
    """Something that looks like a transport message."""
    return (b"\4\0\0\0" + bytes([number]) * 4).ljust(size, bytes([number]))


def collect(bind: Bind, count: int) -> list[tuple[bytes, UdpPath]]:
    """Transport messages as they arrive, until there are `count`."""
    found: list[tuple[bytes, UdpPath]] = []

    def poll() -> bool:
        for descriptor in bind.descriptors():
            runs, _ = bind.receive(descriptor)
            for run, endpoint in runs:
                for number in range(run.number):
                    at = run.offset + number * run.stride
                    found.append((bytes(bind.arena.view[at : at + run.size]), endpoint))
        return len(found) >= count

    wait_for(poll, f"{count} datagrams")
    return found


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize(("count", "last"), [(1, 100), (2, 100), (40, 100), (40, 33)])
def test_runs_arrive_in_order_with_the_sender(
    binds: tuple[Bind, Bind], host: str, count: int, last: int
) -> None:
    ours, theirs = binds
    sent = [transport(number, 100) for number in range(count - 1)] + [transport(99, last)]

    send(ours, UdpPath(host, theirs.port), sent)

    found = collect(theirs, count)
    assert [data for data, _ in found] == sent
    assert {(end.host, end.port, end.source) for _, end in found} == {(host, ours.port, host)}


def strays(bind: Bind, count: int) -> list[tuple[bytes, UdpPath]]:
    """What is no transport data, with its senders, until there are `count`."""
    found: list[tuple[bytes, UdpPath]] = []

    def poll() -> bool:
        for descriptor in bind.descriptors():
            _, rest = bind.receive(descriptor)
            found.extend((data, bind.endpoint_of(slot)) for data, slot in rest)
        return len(found) >= count

    wait_for(poll, f"{count} strays")
    return found


def test_handshakes_keep_their_order_and_senders(binds: tuple[Bind, Bind]) -> None:
    ours, theirs = binds
    other = Bind()
    other.open(0, 0)
    place = UdpPath("127.0.0.1", theirs.port)
    sent = []
    for number in range(20):
        sender = (ours, other)[number % 2]
        data = bytes([1 + number % 3]) * (0, 1, 148, 147, 92)[number % 5]
        sender._sockets[4].sendto(data, place.address)
        sent.append((data, sender.port))

    found = strays(theirs, 20)
    other.close()

    assert [(data, endpoint.port) for data, endpoint in found] == sent
    assert {(endpoint.host, endpoint.source) for _, endpoint in found} == {("127.0.0.1",) * 2}


def test_data_between_handshakes_is_found(binds: tuple[Bind, Bind]) -> None:
    ours, theirs = binds
    place = UdpPath("127.0.0.1", theirs.port)
    handshake = b"\1".ljust(148, b"h")
    for number in range(4):
        send(ours, place, [handshake])
        send(ours, place, [transport(number, 60)] * 3)
        send(ours, place, [transport(number, 148)])
    runs: list[bytes] = []
    others: list[bytes] = []

    def poll() -> bool:
        for descriptor in theirs.descriptors():
            some, rest = theirs.receive(descriptor)
            for run, _ in some:
                ends = range(run.offset, run.offset + run.number * run.stride, run.stride)
                runs.extend(bytes(theirs.arena.view[at : at + run.size]) for at in ends)
            others.extend(data for data, _ in rest)
        return len(runs) + len(others) >= 20

    wait_for(poll, "all of it")

    assert runs == [transport(number, size) for number in range(4) for size in (60, 60, 60, 148)]
    assert others == [handshake] * 4


def test_two_cookie_replies_in_one_message_are_two(binds: tuple[Bind, Bind]) -> None:
    ours, theirs = binds
    replies = [bytes([3]).ljust(64, b"a"), bytes([3]).ljust(64, b"b")]

    send(ours, UdpPath("127.0.0.1", theirs.port), replies)

    assert [data for data, _ in strays(theirs, 2)] == replies


def test_the_answer_comes_from_the_address_that_was_asked(binds: tuple[Bind, Bind]) -> None:
    ours, theirs = binds
    send(ours, UdpPath("127.0.0.7", theirs.port), [transport(1, 50)])
    ((_, endpoint),) = collect(theirs, 1)
    assert endpoint.source == "127.0.0.7"

    send(theirs, endpoint, [transport(2, 50)])

    ((_, back),) = collect(ours, 1)
    assert back.host == "127.0.0.7"


def test_a_source_that_is_not_ours_is_given_up(binds: tuple[Bind, Bind]) -> None:
    ours, theirs = binds
    place = UdpPath("127.0.0.1", theirs.port, 0, "192.0.2.55")

    send(ours, place, [transport(1, 50)] * 3)
    send(ours, place, [transport(1, 50)] * 3)

    assert len(collect(theirs, 6)) == 6
    assert not ours._plain, "that says nothing about segmentation"


@pytest.mark.parametrize("error", [errno.EIO, errno.EINVAL, errno.EMSGSIZE])
def test_where_segmentation_is_refused_datagrams_go_one_by_one(
    binds: tuple[Bind, Bind], error: int
) -> None:
    ours, theirs = binds
    calls = []

    class Refusing:
        """A socket whose kernel does not segment."""

        def __init__(self, real: socket.socket) -> None:
            self.real = real

        def sendmsg(self, buffers, ancillary, flags, address):  # type: ignore[no-untyped-def]
            calls.append(len(ancillary))
            if ancillary:
                raise OSError(error, "no")
            return self.real.sendmsg(buffers, ancillary, flags, address)

    place = UdpPath("127.0.0.1", theirs.port)
    real = ours._sockets[4]
    ours._routes[place] = (Refusing(real), place.address, [])  # type: ignore[assignment]

    for _ in range(2):
        send(ours, place, [transport(number, 60) for number in range(3)])

    assert calls == [1, 0, 0, 0, 0, 0, 0], "it was tried once"
    assert len(collect(theirs, 6)) == 6


def test_a_path_that_refused_long_pieces_gets_short_ones_together_and_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bind = Bind()
    now = [100.0]
    monkeypatch.setattr("meshc.engine.io.bind.monotonic", lambda: now[0])

    bind._without_gso(errno.EMSGSIZE, "192.0.2.1", 1400)

    assert bind._is_plain("192.0.2.1", 1400)
    assert not bind._is_plain("192.0.2.1", 1200)
    assert not bind._is_plain("192.0.2.2", 1400)
    now[0] += 11
    assert not bind._is_plain("192.0.2.1", 1400)
    bind._without_gso(errno.EMSGSIZE, "192.0.2.1", 1400)
    bind.forget_paths()
    assert not bind._is_plain("192.0.2.1", 1400), "the path may be another now"


def test_a_port_that_is_taken_is_an_error(binds: tuple[Bind, Bind]) -> None:
    third = Bind()

    with pytest.raises(OSError, match="in use"):
        third.open(binds[0].port, 0)

    assert third.descriptors() == []


def test_it_opens_again_on_another_port(binds: tuple[Bind, Bind]) -> None:
    ours, theirs = binds
    first = ours.port
    ours.open(0, 0)

    send(ours, UdpPath("127.0.0.1", theirs.port), [transport(1, 50)])

    ((_, endpoint),) = collect(theirs, 1)
    assert endpoint.port == ours.port
    assert ours.port != first


def test_without_a_socket_of_the_family_sending_is_an_error() -> None:
    bind = Bind()

    with pytest.raises(OSError, match="IPv4"):
        send(bind, UdpPath("127.0.0.1", 1), [b"x"])
