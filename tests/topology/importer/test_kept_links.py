"""Links of an imported network: as many as there were, with the keys that they had."""

from __future__ import annotations

from meshc.diagnostics import Diagnostics
from meshc.keys import PresharedKey
from meshc.topology.importer.kept_links import direct_lists, kept_keys, pair_keepalive
from meshc.topology.importer.seen_endpoints import SeenEndpoints
from meshc.topology.importer.sightings import gather, pairs
from meshc.wg.conf import Conf, parse
from meshc.wg.endpoint import Endpoint
from tests.support.wire import private_key

HUB, A, B = (private_key(name).public_key() for name in ("hub", "a", "b"))
NAMES = {HUB: "hub", A: "a", B: "b"}
ONE, TWO = PresharedKey(b"1" * 32), PresharedKey(b"2" * 32)


def conf(name: str, peer: str, psk: PresharedKey | None, keepalive: int = 0) -> Conf:
    text = f"[Interface]\nPrivateKey = {private_key(name).reveal()}\n[Peer]\n"
    text += f"PublicKey = {private_key(peer).public_key()}\nPersistentKeepalive = {keepalive}\n"
    return parse(text + (f"PresharedKey = {psk.reveal()}\n" if psk else ""), file=f"{name}.conf")


def test_a_key_is_kept_under_the_names_of_its_pair() -> None:
    found = Diagnostics()
    seen = gather([conf("hub", "a", ONE), conf("a", "hub", ONE)], found)
    assert list(kept_keys(list(pairs(seen)), seen, NAMES, found).values()) == [("a.hub", ONE)]
    assert not len(found)


def test_two_keys_for_one_pair_are_named() -> None:
    for other in (TWO, None):
        found = Diagnostics()
        seen = gather([conf("hub", "a", ONE), conf("a", "hub", other)], found)
        kept_keys(list(pairs(seen)), seen, NAMES, found)
        assert [one.code for one in found] == ["W905"]


def test_a_link_that_was_not_there_does_not_appear() -> None:
    seen = gather(
        [conf("hub", "a", None), conf("b", "hub", None), conf("a", "hub", None)], Diagnostics()
    )
    public = SeenEndpoints(public=(Endpoint("vpn.corp-vpn.dev", 51820),))
    ends = {HUB: public, A: SeenEndpoints(), B: SeenEndpoints()}
    # b lists the hub, which does not know it
    assert direct_lists(list(pairs(seen)), ends, [HUB]) == {HUB: {A}}
    ends = {HUB: SeenEndpoints(), A: SeenEndpoints(), B: SeenEndpoints()}
    assert direct_lists(list(pairs(seen)), ends, [HUB]) == {}


def test_an_interval_of_one_link_alone_is_told() -> None:
    (pair,) = pairs(gather([conf("hub", "a", None), conf("a", "hub", None, 10)], Diagnostics()))
    assert pair_keepalive(pair, {A: 25}) == 10
    assert pair_keepalive(pair, {A: 10}) is None
