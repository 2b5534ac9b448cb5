"""Device values: found by key, times in seconds, and nothing that changes by itself."""

from __future__ import annotations

from meshc.keys import PublicKey, encode
from meshc.wg.device_values import NO_PRESHARED_KEY, DeviceState, PeerState, PeerUpdate

ONE, TWO = (PublicKey(encode(bytes([number]) * 32)) for number in (1, 2))


def test_a_peer_is_found_by_its_key() -> None:
    state = DeviceState(peers=(PeerState(ONE, keepalive=25),))
    assert state.peer(ONE) == PeerState(ONE, keepalive=25)
    assert state.peer(TWO) is None


def test_a_handshake_is_told_in_seconds() -> None:
    assert PeerState(ONE).handshake == 0
    assert PeerState(ONE, last_handshake=1_500_000_000).handshake == 1.5


def test_an_update_of_nothing_differs_from_one_that_removes_a_key() -> None:
    assert PeerUpdate(ONE) != PeerUpdate(ONE, preshared_key=NO_PRESHARED_KEY)
    assert not any(NO_PRESHARED_KEY.raw)
