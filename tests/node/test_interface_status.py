"""What `status` makes of a device and a build."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from meshc.keys import PublicKey, encode
from meshc.node import nodefile
from meshc.node.interface_status import Health, Status, health, peer_table, read_hosts
from meshc.prefixes import Prefix
from meshc.wg.device_values import DeviceState, PeerState
from meshc.wg.endpoint import Endpoint
from tests.support import wgconf

HUB = PublicKey(encode(b"h" * 32))
BOB = PublicKey(encode(b"b" * 32))
HOSTS = """# example
10.44.0.1 hub.example hub
10.44.0.2 laptop
10.44.0.3 phone.example phone
fd44::3 phone.example phone
10.44.0.4 bob
nonsense
"""


@pytest.mark.parametrize(
    ("keepalive", "age", "uptime", "expected"),
    [
        (0, None, 1e6, Health.NEVER),
        (0, 10.0, 1e6, Health.LIVE),
        (0, 200.0, 1e6, Health.IDLE),
        (25, 10.0, 1e6, Health.LIVE),
        (25, 181.0, 1e6, Health.LOST),
        (25, None, 3.0, Health.NEVER),
        (25, None, 60.0, Health.LOST),
    ],
)
def test_health(keepalive: int, age: float | None, uptime: float, expected: Health) -> None:
    assert health(PeerState(BOB, keepalive=keepalive), age, uptime) is expected


@pytest.mark.parametrize(
    ("age", "uptime", "expected"),
    [
        (10.0, 1e6, Health.LIVE),
        (190.0, 1e6, Health.LOST),
        (None, 60.0, Health.NEVER),
        (None, 190.0, Health.LOST),
    ],
)
def test_a_peer_that_must_call_us_and_does_not_is_lost(
    age: float | None, uptime: float, expected: Health
) -> None:
    """A relay has no keepalive of its own towards a leaf behind NAT; the leaf has one."""
    assert health(PeerState(BOB), age, uptime, calls_us=True) is expected


def test_a_peer_that_never_answered_what_we_sent_is_lost() -> None:
    assert health(PeerState(BOB, tx_bytes=148), None, 5.0) is Health.NEVER
    assert health(PeerState(BOB, tx_bytes=148), None, 20.0) is Health.LOST


def test_peers_have_names_and_carry_others(tmp_path: Path) -> None:
    peers = [wgconf.peer(f"# Name = {name}", key=key) for name, key in (("hub", HUB), ("bob", BOB))]
    path = wgconf.write(tmp_path / "build" / "laptop", "wg0", "".join([wgconf.interface(), *peers]))
    (tmp_path / "build" / "hosts").write_text(HOSTS)
    facts = {"name": "laptop", "interface": "wg0"}
    (path.parent / "node.json").write_text(json.dumps(facts))
    pool, v6 = Prefix.parse("10.44.0.0/24"), Prefix.parse("fd44::/64")
    device = DeviceState(
        peers=(
            PeerState(BOB, allowed_ips=(Prefix.parse("10.44.0.4/32"),)),
            PeerState(HUB, None, Endpoint("192.0.2.1", 1), (pool, v6), 25, 990 * 10**9, 5, 6),
        )
    )
    bob, hub = peer_table(device, nodefile.read(path), now=1000.0)
    assert (bob.name, bob.endpoint, bob.handshake, bob.reaches) == ("bob", "", None, ())
    assert (hub.name, hub.endpoint, hub.handshake) == ("hub", "192.0.2.1:1", 10.0)
    assert hub.reaches == ("phone",)
    assert (hub.received, hub.sent, hub.health) == (5, 6, Health.LIVE)


def test_a_peer_that_may_sleep_is_not_lost_to_its_relay(tmp_path: Path) -> None:
    """`always_on: false`: a phone in a pocket is no alarm; another leaf that is gone is one."""
    sections = [
        wgconf.peer("# Name = bob", "AllowedIPs = 10.44.0.4/32", key=BOB),
        wgconf.peer("# Name = phone", "# AlwaysOn = false", "AllowedIPs = 10.44.0.3/32", key=HUB),
    ]
    path = wgconf.write(tmp_path, "wg0", "".join([wgconf.interface(), *sections]))
    device = DeviceState(peers=(PeerState(BOB), PeerState(HUB, last_handshake=5 * 10**9)))
    bob, phone = peer_table(device, nodefile.read(path), now=1000.0)
    assert (bob.health, bob.expected) == (Health.LOST, True)
    assert (phone.health, phone.expected) == (Health.ASLEEP, False)
    assert Status("wg0", True, peers=(phone,)).exit_code == 0


def test_a_peer_without_a_name_is_known_by_its_key() -> None:
    (peer,) = peer_table(DeviceState(peers=(PeerState(BOB),)), None, now=0.0)
    assert peer.name == f"{BOB[:8]}…"


def test_hosts_are_read_by_their_short_name() -> None:
    assert {name: len(found) for name, found in read_hosts(HOSTS).items()} == {
        "hub": 1,
        "laptop": 1,
        "phone": 2,
        "bob": 1,
    }


def test_exit_codes() -> None:
    (lost,) = peer_table(DeviceState(peers=(PeerState(BOB, keepalive=5),)), None, now=1e9)
    assert Status("wg0", False).exit_code == 2
    assert Status("wg0", False, unreadable=True).exit_code == 3
    assert Status("wg0", True).exit_code == 0
    assert Status("wg0", True, drift=("route x",)).exit_code == 1
    assert Status("wg0", True, peers=(lost,)).exit_code == 1
    assert Status("wg0", True, problems=("x",)).exit_code == 1
