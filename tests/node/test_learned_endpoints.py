"""Endpoints that were learned are kept over a restart, and the sessions are begun from here."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meshc.keys import PrivateKey, PublicKey
from meshc.node.learned_endpoints import LearnedEndpoint, first_updates, learned, load
from meshc.wg.device_values import DeviceState, PeerState, PeerUpdate
from meshc.wg.endpoint import Endpoint
from tests.support import wgconf
from tests.support.netns import Namespace, connect, namespaces, needs_root, require, wait_until

KEY = PrivateKey.generate().public_key()
OTHER = PrivateKey.generate().public_key()
THERE, ELSEWHERE = Endpoint("192.0.2.1", 4000), Endpoint("192.0.2.9", 51820)
NOW = 1_700_000_000.0


def peer(
    key: PublicKey, endpoint: Endpoint | None, handshake: float = 0, keepalive: int = 0
) -> PeerState:
    return PeerState(key, None, endpoint, (), keepalive, int(handshake * 1e9))


def device(*peers: PeerState) -> DeviceState:
    return DeviceState(peers=peers)


def test_a_peer_that_was_not_back_yet_is_where_it_was_before() -> None:
    first = learned(device(peer(KEY, THERE, NOW), peer(OTHER, None)), {})
    assert first == {KEY: LearnedEndpoint(THERE, NOW)}
    for now in (None, THERE):  # not set again, or set again and not back yet
        again = device(peer(KEY, now), peer(OTHER, ELSEWHERE, NOW + 9))
        assert learned(again, first) == {
            KEY: LearnedEndpoint(THERE, NOW),
            OTHER: LearnedEndpoint(ELSEWHERE, NOW + 9),
        }
    assert learned(device(peer(OTHER, None)), first) == {}


def test_an_address_that_nobody_answered_from_is_not_learned() -> None:
    """It would come back after it was taken out of the file."""
    assert learned(device(peer(KEY, THERE)), {}) == {}


@pytest.mark.parametrize("keepalive", [0, 25])
def test_a_live_session_is_begun_by_a_keepalive_that_goes_on(keepalive: int) -> None:
    """It is switched off first: one that is on already sends nothing when it is set."""
    kept = {KEY: LearnedEndpoint(THERE, NOW - 130)}
    quiet, begin = first_updates(device(peer(KEY, None, 0, keepalive)), kept, now=NOW)
    assert quiet == (PeerUpdate(KEY, endpoint=THERE, keepalive=0),)
    assert begin == (PeerUpdate(KEY, keepalive=25),)


@pytest.mark.parametrize(
    ("now", "age", "expected"),
    [
        (peer(KEY, None), 181, (PeerUpdate(KEY, endpoint=THERE),)),
        (peer(KEY, ELSEWHERE), 181, ()),
        (peer(KEY, ELSEWHERE), 1, (PeerUpdate(KEY, keepalive=0),)),
        (peer(KEY, THERE, NOW), 1, ()),
        (peer(OTHER, None), 1, ()),
    ],
    ids=["session over", "file names another", "but was live", "back already", "unknown"],
)
def test_nothing_is_set_that_somebody_else_says(
    now: PeerState, age: float, expected: tuple[PeerUpdate, ...]
) -> None:
    kept = {KEY: LearnedEndpoint(THERE, NOW - age)}
    assert first_updates(device(now), kept, now=NOW)[0] == expected


@pytest.mark.parametrize("text", ["", "{", "[]", '{"x": 1}', '{"x": ["192.0.2.1:1", 0]}', "\0"])
def test_a_damaged_file_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "wg0.endpoints").write_text(text)
    assert load("wg0", tmp_path) == {}


def in_namespaces(test: Any) -> Any:
    for mark in needs_root:
        test = mark(test)
    return test


RELAY, LEAF = PrivateKey.generate(), PrivateKey.generate()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[tuple[Namespace, Namespace]]:
    """A relay, and a leaf behind a router that lets nobody in: leaf -- router -- relay."""
    require("wireguard-go", "iptables", "wg")
    with namespaces("relay", "router", "leaf") as (relay, router, leaf):
        connect(router, relay, left_name="wan", right_name="eth0")
        connect(router, leaf, left_name="lan", right_name="eth0")
        relay.shell("ip addr add 192.0.2.1/24 dev eth0; mount -t tmpfs tmpfs /var/lib")
        leaf.shell("ip addr add 10.0.0.2/24 dev eth0; ip route add default via 10.0.0.1")
        router.shell(
            textwrap.dedent("""
            ip addr add 192.0.2.2/24 dev wan; ip addr add 10.0.0.1/24 dev lan
            sysctl -qw net.ipv4.ip_forward=1
            iptables -t nat -A POSTROUTING -o wan -j MASQUERADE
            iptables -P INPUT DROP; iptables -P FORWARD DROP; iptables -A FORWARD -i lan -j ACCEPT
            iptables -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT
            """)
        )
        yield relay, leaf


def _conf(directory: Path, own: PrivateKey, other: PrivateKey, number: int, *more: str) -> Path:
    head = wgconf.interface(f"Address = 10.44.0.{number}/32", "ListenPort = 51820", key=own)
    there = f"AllowedIPs = 10.44.0.{3 - number}/32"
    return wgconf.write(directory, "wg0", head + wgconf.peer(there, *more, key=other.public_key()))


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["wireguard-go", "bundled"])
@in_namespaces
def test_an_idle_leaf_behind_nat_is_back_within_seconds_of_a_restart_of_its_relay(
    world: tuple[Namespace, Namespace], tmp_path: Path, engine: str
) -> None:
    """Nobody sends anything: the relay has no other way to know where the leaf is, and the leaf
    no reason to begin for two minutes."""
    relay, leaf = world
    there = _conf(tmp_path / "relay", RELAY, LEAF, 1)
    to = ("Endpoint = 192.0.2.1:51820", "PersistentKeepalive = 25")
    leaf.meshc("up", str(_conf(tmp_path / "leaf", LEAF, RELAY, 2, *to)), "--engine", "wireguard-go")
    relay.meshc("up", str(there), "--engine", engine)
    wait_until(lambda: _handshake(relay) > 0, what="the first session")
    for again in ("once", "and once more"):
        relay.meshc("down", "wg0")
        began = time.time()
        relay.meshc("up", str(there), "--engine", engine)
        wait_until(lambda: _handshake(relay) > 0, patience=15, what=f"the session {again}")
        assert time.time() - began < 15
        assert "keepalive" not in relay.shell("wg show wg0")


def _handshake(machine: Namespace) -> int:
    return int(machine.shell("wg show wg0 latest-handshakes").split()[1])
