"""What `wg set` in a hook does to peers."""

from __future__ import annotations

import pytest

from meshc.topology.proof.wg_command import bad_key, is_harmless, peers
from tests.support.wire import private_key

KEY = str(private_key("a").public_key())


@pytest.mark.parametrize(
    ("line", "harmless"),
    [
        ("wg show wg0", True),
        ("wg set wg0 private-key /etc/key", True),
        (f"wg set wg0 peer {KEY} persistent-keepalive 25", True),
        (f"wg set wg0 peer {KEY} endpoint 1.2.3.4:5", False),
        (f"wg set wg0 peer {KEY} remove", False),
        ("wg", False),
    ],
)
def test_keys_and_keepalives_move_no_packets(line: str, *, harmless: bool) -> None:
    assert is_harmless(tuple(line.split())) is harmless


def test_each_peer_and_whether_it_is_removed() -> None:
    words = tuple(f"wg set wg0 peer {KEY} remove peer other allowed-ips 10.0.0.0/8".split())
    assert list(peers(words)) == [(KEY, True), ("other", False)]


def test_wg_takes_keys_alone() -> None:
    assert bad_key("x")
    assert not bad_key(KEY)
    assert not bad_key("$(cat /etc/peer)")
