"""A lane is taken only as long as nothing about its session has changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import inf
from pathlib import Path

import pytest

from meshc.engine.io.clock import monotonic
from meshc.engine.proto.constants import REJECT_AFTER_MESSAGES, REJECT_AFTER_TIME
from meshc.engine.proto.udp_path import UdpPath
from meshc.prefixes import Prefix
from tests.support.loopback_engines import ADDRESS, LoopbackEngines, established
from tests.support.packets import udp

pytestmark = pytest.mark.usefixtures("compiled_road")


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[LoopbackEngines]:
    """The first engine has a lane out and one in."""
    pair = LoopbackEngines(tmp_path, vnet=True)
    established(pair)
    for _ in range(3):
        for me in (0, 1):
            packet = udp(b"x", source=ADDRESS[me], destination=ADDRESS[1 - me])
            pair.tuns[me].inject(packet)
            pair.until(lambda end=1 - me: bool(pair.tuns[end].delivered()), "a packet")  # type: ignore[misc]
    yield pair
    pair.close()


def lanes(pair: LoopbackEngines, now: float) -> tuple[int, int]:
    """How many lanes hold, out and in."""
    pump = pair.engines[0]._pump
    return len(pump._out.ready(now)), len(pump._in.ready(now))  # type: ignore[attr-defined]


def roam(pair: LoopbackEngines) -> None:
    (peer,) = pair.engines[0].device.sessions.peers.values()
    peer.endpoint = UdpPath("127.0.0.1", 9)


def give_away(pair: LoopbackEngines) -> None:
    device = pair.engines[0].device
    (peer,) = device.sessions.peers.values()
    device.allowed_ips.remove(Prefix.parse(f"{ADDRESS[1]}/32"), peer)


def use_up(pair: LoopbackEngines) -> None:
    (peer,) = pair.engines[0].device.sessions.peers.values()
    assert peer.keypairs.current is not None
    peer.keypairs.current.sealing.counter = REJECT_AFTER_MESSAGES - 10


def stage(pair: LoopbackEngines) -> None:
    (peer,) = pair.engines[0].device.sessions.peers.values()
    peer.stage([b"waits"])


def zero(pair: LoopbackEngines) -> None:
    device = pair.engines[0].device
    (peer,) = device.sessions.peers.values()
    device.sessions.zero(peer)


def reroute(pair: LoopbackEngines) -> None:
    pair.engines[0]._bind.forget_paths()


def send_one_by_one(pair: LoopbackEngines) -> None:
    bind = pair.engines[0]._bind
    bind._plain["127.0.0.1"] = (100, inf)


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (roam, (0, 1)),
        (give_away, (0, 0)),
        (use_up, (0, 1)),
        (stage, (0, 1)),
        (zero, (0, 0)),
        (reroute, (0, 1)),
        (send_one_by_one, (0, 1)),
    ],
)
def test_a_lane_ends_with_what_it_was_made_for(
    pair: LoopbackEngines, change: Callable[[LoopbackEngines], None], left: tuple[int, int]
) -> None:
    now = monotonic()
    assert lanes(pair, now) == (1, 1)

    change(pair)

    assert lanes(pair, now) == left


def test_a_key_that_was_zeroed_is_held_by_no_lane(pair: LoopbackEngines) -> None:
    pump = pair.engines[0]._pump
    assert pump._out._lanes  # type: ignore[attr-defined]
    assert pump._in._lanes  # type: ignore[attr-defined]
    zero(pair)

    pump.drain()

    assert not pump._out._lanes  # type: ignore[attr-defined]
    assert not pump._in._lanes  # type: ignore[attr-defined]


def test_a_session_that_is_too_old_has_none(pair: LoopbackEngines) -> None:
    assert lanes(pair, monotonic() + REJECT_AFTER_TIME) == (0, 0)


def test_many_destinations_of_a_peer_share_a_lane_and_too_many_begin_anew(
    pair: LoopbackEngines,
) -> None:
    device = pair.engines[0].device
    (peer,) = device.sessions.peers.values()
    device.allowed_ips.insert(Prefix.parse("10.0.9.0/24"), peer)
    out, now = pair.engines[0]._pump._out, monotonic()  # type: ignore[attr-defined]

    for number in range(40):
        out.learn(memoryview(udp(b"x", destination=f"10.0.9.{number}")), now)

    (known,) = out.ready(now)
    assert 0 < len(known.destinations) <= 16
    assert bytes((10, 0, 9, 39)) in known.destinations
