from __future__ import annotations

from meshc.engine.proto.messages import COOKIE_REPLY
from meshc.engine.proto.peer import Peer
from meshc.engine.proto.timers import TimerQueue
from meshc.engine.proto.udp_path import UdpPath
from meshc.engine.proto.unsent import Unsent

HERE, THERE = UdpPath("192.0.2.1", 1), UdpPath("192.0.2.2", 2)


def peers() -> dict[bytes, Peer]:
    found = {}
    for number, endpoint in enumerate((HERE, THERE)):
        peer = Peer(bytes([number]) * 32, TimerQueue(lambda n: bytes(n)))
        peer.endpoint, peer.tx_bytes = endpoint, 1000
        found[peer.public_key] = peer
    return found


def counts(known: dict[bytes, Peer]) -> list[int]:
    return [peer.tx_bytes for peer in known.values()]


def test_octets_are_taken_off_the_peer_that_they_were_for() -> None:
    known = peers()
    unsent = Unsent(known)

    for endpoint, size in ((THERE, 100), (THERE, 10), (HERE, 1)):
        unsent.subtract(endpoint, memoryview(b"\4" * size))

    assert counts(known) == [999, 890]


def test_cookie_replies_and_strangers_are_nobodys() -> None:
    known = peers()
    unsent = Unsent(known)

    unsent.subtract(HERE, memoryview(bytes([COOKIE_REPLY]) * 64))
    unsent.subtract(UdpPath("192.0.2.9", 9), memoryview(b"\4" * 64))

    assert counts(known) == [1000, 1000]


def test_a_peer_that_was_removed_or_has_roamed_is_not_found_again() -> None:
    known = peers()
    unsent = Unsent(known)
    first, second = known.values()
    unsent.subtract(HERE, memoryview(b"\4"))

    first.endpoint, second.endpoint = THERE, HERE
    unsent.subtract(HERE, memoryview(b"\4" * 5))
    del known[second.public_key]
    unsent.subtract(HERE, memoryview(b"\4" * 7))

    assert (first.tx_bytes, second.tx_bytes) == (999, 995)
