"""Where a node may be called from inside its own network is where its packets come from."""

from __future__ import annotations

from meshc.agent.near_endpoints import near_endpoints
from meshc.keys import PublicKey
from meshc.wg.device_values import DeviceState, PeerState
from meshc.wg.endpoint import Endpoint

PORT = 4711


def peer(host: str | None) -> PeerState:
    return PeerState(PublicKey(bytes(32)), endpoint=Endpoint(host, 9) if host else None)


def test_it_is_the_address_that_the_kernel_would_choose_and_the_port_of_the_device() -> None:
    found = near_endpoints([peer("127.0.0.1"), peer("127.0.0.9")], DeviceState(listen_port=PORT))
    assert found == (Endpoint("127.0.0.1", PORT),)


def test_without_a_way_or_a_port_there_is_none() -> None:
    device = DeviceState(listen_port=PORT)
    assert near_endpoints([None, peer(None), peer("255.255.255.255")], device) == ()
    assert near_endpoints([peer("127.0.0.1")], DeviceState()) == ()
