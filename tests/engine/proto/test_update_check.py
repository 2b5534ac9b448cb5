from __future__ import annotations

import errno

import pytest

from meshc.engine.proto.update_check import check_update
from meshc.errors import ConfigError
from meshc.keys import PublicKey, encode
from meshc.wg.device_values import DeviceUpdate, PeerUpdate
from meshc.wg.endpoint import Endpoint

PEER = PublicKey(encode(bytes(range(32))))


@pytest.mark.parametrize(
    "update",
    [
        DeviceUpdate(listen_port=65_535, fwmark=0xFFFFFFFF),
        DeviceUpdate(listen_port=0, fwmark=0),
        DeviceUpdate(peers=(PeerUpdate(PEER, keepalive=65_535),)),
    ],
)
def test_what_fits_is_passed(update: DeviceUpdate) -> None:
    check_update(update)


@pytest.mark.parametrize(
    "update",
    [
        DeviceUpdate(listen_port=65_536),
        DeviceUpdate(fwmark=1 << 32),
        DeviceUpdate(peers=(PeerUpdate(PublicKey("short")),)),
        DeviceUpdate(peers=(PeerUpdate(PEER, keepalive=65_536),)),
        DeviceUpdate(peers=(PeerUpdate(PEER), PeerUpdate(PEER, keepalive=-1))),
    ],
)
def test_what_does_not_fit_is_refused_with_an_errno(update: DeviceUpdate) -> None:
    with pytest.raises(ConfigError) as caught:
        check_update(update)
    assert caught.value.errno == errno.EINVAL


def test_an_endpoint_must_be_an_address() -> None:
    with pytest.raises(ConfigError):
        check_update(DeviceUpdate(peers=(PeerUpdate(PEER, endpoint=Endpoint("a.example", 1)),)))
