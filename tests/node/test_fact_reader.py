"""Which names are asked for: as few as can be, since a name service may be down."""

from __future__ import annotations

import pytest

from meshc.node.fact_reader import known_endpoints
from meshc.wg.conf import parse
from meshc.wg.device_values import DeviceState, PeerState
from meshc.wg.endpoint import Endpoint
from tests.support import wgconf

KEY = wgconf.PEER_KEY.public_key()
HAS = DeviceState(peers=(PeerState(KEY, endpoint=Endpoint("203.0.113.7", 9)),))
HAS_NOT = DeviceState(peers=(PeerState(KEY),))
SAME = {str(KEY): "vpn.example:51820"}


@pytest.mark.parametrize(
    ("device", "applied", "lookup", "known", "unknown"),
    [
        (None, {}, True, {}, {"vpn.example"}),
        (HAS, SAME, True, {"vpn.example": "203.0.113.7"}, set()),
        (HAS, SAME, False, {"vpn.example": "203.0.113.7"}, set()),
        (HAS_NOT, SAME, True, {}, {"vpn.example"}),
        (HAS_NOT, SAME, False, {}, set()),
        (HAS, {str(KEY): "old.example:1"}, False, {}, {"vpn.example"}),
        (HAS, {}, True, {}, {"vpn.example"}),
    ],
)
def test_names(
    device: DeviceState | None,
    applied: dict[str, str],
    lookup: bool,
    known: dict[str, str],
    unknown: set[str],
) -> None:
    conf = parse(wgconf.interface() + wgconf.peer("Endpoint = vpn.example:51820"))
    assert known_endpoints(conf, device, applied, lookup) == (known, unknown)


def test_an_address_needs_no_name_service() -> None:
    conf = parse(wgconf.interface() + wgconf.peer("Endpoint = [2001:db8::1]:51820"))
    assert known_endpoints(conf, HAS, {}, False) == ({}, {"2001:db8::1"})
