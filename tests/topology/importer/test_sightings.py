"""What all files say about a key, brought together."""

from __future__ import annotations

from meshc.diagnostics import Diagnostics
from meshc.prefixes import Prefix
from meshc.topology.importer.sightings import addresses_of, gather, pairs
from meshc.wg.conf import Conf, parse
from tests.support.wire import private_key

HUB, A, PARTNER = (private_key(name).public_key() for name in ("hub", "a", "partner"))


def conf(name: str, *peers: str) -> Conf:
    text = f"[Interface]\nPrivateKey = {private_key(name).reveal()}\nAddress = 10.0.0.1/24\n"
    for peer in peers:
        text += f"[Peer]\nPublicKey = {private_key(peer).public_key()}\nAllowedIPs = 10.0.0.9\n"
    return parse(text, file=f"{name}.conf")


def test_a_pair_has_a_session_where_each_lists_the_other_or_has_no_file() -> None:
    seen = gather([conf("hub", "a", "partner"), conf("a", "hub", "partner")], Diagnostics())
    assert {frozenset(pair[:2]) for pair in pairs(seen)} == {
        frozenset({HUB, A}),
        frozenset({HUB, PARTNER}),
        frozenset({A, PARTNER}),
    }
    one_sided = gather([conf("hub", "a"), conf("a")], Diagnostics())
    assert list(pairs(one_sided)) == []


def test_addresses_are_its_own_lines_else_what_others_give_it() -> None:
    seen = gather([conf("hub", "partner")], Diagnostics())
    assert addresses_of(seen[HUB]) == (Prefix.host("10.0.0.1"),)
    assert addresses_of(seen[PARTNER]) == (Prefix.host("10.0.0.9"),)
