"""AllowedIPs of a file as the routing table that it is."""

from __future__ import annotations

from meshc.prefixes import Prefix
from meshc.topology.importer.next_hops import NextHops
from meshc.wg.conf import parse
from tests.support.wire import private_key

HUB, NAS = (private_key(name).public_key() for name in ("hub", "nas"))
CONF = parse(
    f"[Interface]\n[Peer]\nPublicKey = {HUB}\nAllowedIPs = 0.0.0.0/0, 10.0.0.9/32\n"
    f"[Peer]\nPublicKey = {NAS}\nAllowedIPs = 10.0.0.0/24, 10.0.0.9/32\n"
)


def test_the_longest_prefix_wins_and_of_equals_the_last() -> None:
    hops = NextHops(CONF)
    assert hops.of(Prefix.host("192.0.2.1")) == HUB
    assert hops.of(Prefix.host("10.0.0.1")) == NAS
    assert hops.of(Prefix.host("10.0.0.9")) == NAS
    assert hops.of(Prefix.host("fd44::1")) is None
    assert hops.of_all([Prefix.host("192.0.2.1"), Prefix.host("fd44::1")]) == {HUB}
