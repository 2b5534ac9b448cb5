"""What lanes did is told late, and comes to the same as if it had been told at once."""

from __future__ import annotations

import importlib
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshc.engine.proto.device import Device
from meshc.engine.proto.keypair import Keypair
from meshc.engine.proto.peer import Peer
from meshc.engine.proto.tai64n import WallEpoch
from meshc.engine.proto.timers import TIMER_NAMES
from meshc.engine.proto.udp_path import UdpPath
from tests.support.sessions import keypairs

pytest.importorskip("meshc_native", reason="needs meshc-native: ./dev native")
lanes = importlib.import_module("meshc.engine.io.lanes")
lane_reports = importlib.import_module("meshc.engine.io.lane_reports")

pytestmark = pytest.mark.usefixtures("compiled_road")


class Heard(NamedTuple):
    """What a lane was part of: when, how much, in which direction, more than a keepalive."""

    at: float
    octets: int
    is_sent: bool
    is_data: bool


class LaneSummary:
    """What a lane would say after all that it heard."""

    def __init__(self, heard: list[Heard]) -> None:
        self.octets = sum(one.octets for one in heard)
        self.at = max((one.at for one in heard), default=0.0)
        self.data_at = max((one.at for one in heard if one.is_data), default=0.0)

    def take_octets(self) -> tuple[int, float]:
        return self.octets, self.at

    def take_counts(self) -> tuple[int, float, float, int, int, int, int]:
        return self.octets, self.at, self.data_at, 0, 0, 0, 0


HEARD = st.lists(
    st.builds(
        lambda kind, octets: (octets, kind == "sent", kind == "data"),
        st.sampled_from(["sent", "data", "keepalive"]),
        st.integers(32, 1500),
    ),
    max_size=8,
)


@settings(max_examples=100)
@given(turns=st.lists(HEARD, max_size=4), interval=st.sampled_from([0, 25]))
def test_what_is_told_later_comes_to_the_same_as_each_packet_at_its_time(
    turns: list[list[tuple[int, bool, bool]]], interval: int
) -> None:
    """Which timers of the peer run then, and until when, within a turn's length."""
    slow, quick = session(interval), session(interval)
    for number, turn in enumerate(turns):
        heard = [Heard(1000.0 + number + i * 0.005, *what) for i, what in enumerate(turn)]
        for one in heard:
            tell_at_once(slow, one)
        sent = LaneSummary([one for one in heard if one.is_sent])
        received = LaneSummary([one for one in heard if not one.is_sent])
        device, peer, keypair, path = quick
        lane_reports.account(
            device,
            [lanes.Outgoing(peer, keypair, path, None, 0, set(), sent)],
            [lanes.Incoming(peer, keypair, path, 0, received)],
        )
    assert deadlines(quick[1]) == pytest.approx(deadlines(slow[1]), abs=0.05)
    assert [quick[1].rx_bytes, quick[1].tx_bytes] == [slow[1].rx_bytes, slow[1].tx_bytes]


def tell_at_once(known: tuple[Device, Peer, Keypair, UdpPath], heard: Heard) -> None:
    device, peer, keypair, path = known
    if heard.is_sent:
        device.sessions.sent(peer, keypair, size=heard.octets, now=heard.at)
        peer.timers.data_sent(heard.at)
    else:
        device.sessions.received(
            peer, keypair, path, size=heard.octets, has_data=heard.is_data, now=heard.at
        )


def deadlines(peer: Peer) -> list[float]:
    return [getattr(peer.timers, name) for name in TIMER_NAMES]


def session(interval: int) -> tuple[Device, Peer, Keypair, UdpPath]:
    """A device with a peer that has a session; its timers have no jitter."""
    device = Device(rng=bytes, wall_epoch=WallEpoch(0.0, 0))
    _, keypair = keypairs()
    keypair.birthday = 990.0
    peer = Peer(bytes(32), device.sessions.timers)
    peer.keypairs.current = keypair
    peer.endpoint = path = UdpPath("192.0.2.1", 9)
    peer.timers.set_interval(interval, 990.0)
    return device, peer, keypair, path
