"""Which sessions the files keep alive, and what that says."""

from __future__ import annotations

from meshc.diagnostics import Diagnostics
from meshc.topology.importer.kept_sessions import (
    asking,
    common_interval,
    most_common,
    usual_intervals,
)
from meshc.topology.importer.seen_endpoints import seen_endpoints
from meshc.topology.importer.sightings import PeerPair, gather, pairs
from meshc.wg.conf import Conf, PeerConf, parse
from tests.support.wire import private_key

A_AT, HUB_AT = "Endpoint = 198.51.100.7:51820\n", "Endpoint = 198.51.100.1:51820\n"
KEEPS = "PersistentKeepalive = 15\n"


def conf(name: str, peer: str, rest: str, listens: bool = True) -> Conf:
    port = "ListenPort = 51820\n" if listens else ""
    return parse(
        f"[Interface]\nPrivateKey = {private_key(name).reveal()}\n{port}"
        f"[Peer]\nPublicKey = {private_key(peer).public_key()}\n{rest}",
        file=f"{name}.conf",
    )


def said(*confs: Conf) -> tuple[dict[str, int], set[str]]:
    seen = gather(confs, Diagnostics())
    links = list(pairs(seen))
    ends = seen_endpoints(seen, links)
    names = {private_key(name).public_key(): name for name in ("a", "hub")}
    usual = {names[key]: value for key, value in usual_intervals(seen, links, ends).items()}
    return usual, {names[key] for key in asking(links, ends)}


def test_who_must_keep_something_alive_and_does_not_has_it_switched_off() -> None:
    hub = conf("hub", "a", "")
    assert said(hub, conf("a", "hub", HUB_AT, listens=False)) == ({"a": 0}, set())
    assert said(hub, conf("a", "hub", HUB_AT + KEEPS, listens=False)) == ({"a": 15}, set())


def test_who_need_not_says_nothing_by_keeping_none() -> None:
    assert said(conf("hub", "a", A_AT), conf("a", "hub", HUB_AT)) == ({}, set())


def test_who_need_not_and_does_was_told_so() -> None:
    told = said(conf("hub", "a", A_AT), conf("a", "hub", HUB_AT + KEEPS))
    assert told == ({"a": 15}, {"a"})


def test_the_most_frequent_value_is_the_smallest_of_equals() -> None:
    assert most_common([3, 1, 3, 1, 2], None) == 1
    assert most_common([], 7) == 7


def test_the_network_s_interval_is_that_of_those_who_keep_alive_what_needs_it() -> None:
    """An interval of a node's own would be for all that it calls."""
    key = {name: private_key(name).public_key() for name in ("a", "b", "c", "hub")}
    resting = PeerPair(*sorted((key["a"], key["hub"])), *both("", ""))
    usual = {key["a"]: 25, key["b"]: 15, key["c"]: 15}
    assert common_interval(usual, []) == 15
    assert common_interval(usual, [resting]) == 25


def both(one: str, other: str) -> tuple[PeerConf, PeerConf]:
    return (
        conf("hub", "a", A_AT + one).peers[0],
        conf("a", "hub", HUB_AT + other).peers[0],
    )
