"""The regions of a table: blocks where they are uniform, and peers as bits."""

from __future__ import annotations

import random

import pytest

from meshc.prefixes import Prefix
from meshc.topology.planner.allowed_ips.exit_share import EVERYTHING, ExitShare
from meshc.topology.planner.allowed_ips.minimal_table import UNMATCHED, Region
from meshc.topology.planner.allowed_ips.table_regions import (
    PeerBits,
    block_regions,
    default_regions,
)

POOL = Prefix.parse("10.44.0.0/16")  # blocks of 256


def regions(owned: dict[str, int]) -> dict[str, int]:
    found = block_regions({Prefix.parse(p): peer for p, peer in owned.items()}, (POOL,))
    return {str(region.prefix): region.allowed for region in found}


def test_a_block_of_one_peer_is_one_region() -> None:
    assert regions({"10.44.1.3/32": 2, "10.44.1.77/32": 2}) == {"10.44.1.0/24": 2}


def test_a_block_of_two_peers_stays_as_it_is() -> None:
    owned = {"10.44.1.3/32": 2, "10.44.1.77/32": 4}
    assert regions(owned) == owned


@pytest.mark.parametrize("prefix", ["192.168.1.0/24", "10.44.0.0/20"])
def test_what_is_no_part_of_a_block_stays_as_it_is(prefix: str) -> None:
    assert regions({prefix: 2}) == {prefix: 2}


@pytest.mark.parametrize("seed", range(20))
def test_every_owner_keeps_its_peer(seed: int) -> None:
    rng = random.Random(seed)
    owned = {
        Prefix(4, POOL.value + rng.randrange(1, 2048), 32): rng.choice((2, 4)) for _ in range(30)
    }
    found = list(block_regions(owned, (POOL,)))
    for prefix, peer in owned.items():
        assert [r.allowed for r in found if r.prefix.contains(prefix)] == [peer]


def test_relays_come_first_then_the_exit_then_others() -> None:
    peers = PeerBits([7, 9], exit_peer=3)
    assert [peers.of(peer) for peer in (7, 9, 3)] == [2, 4, 8]
    assert peers.relays == 6
    assert peers.add(5) == 16
    assert list(peers) == [7, 9, 3, 5]


def test_an_exit_that_is_a_relay_has_one_bit() -> None:
    peers = PeerBits([7, 9], exit_peer=9)
    assert list(peers) == [7, 9]
    assert peers.of(9) == 4


def test_a_table_names_every_peer() -> None:
    peers = PeerBits([7], exit_peer=3)
    prefix = Prefix.parse("10.44.0.9/32")
    assert peers.table({prefix: Region(prefix, peers.of(7))}) == {7: (prefix,), 3: ()}


def test_an_exit_takes_both_default_routes() -> None:
    peers = PeerBits([], exit_peer=3)
    found = default_regions(peers, 3, EVERYTHING, (POOL,))
    assert {str(prefix) for prefix in found} == {"0.0.0.0/0", "::/0"}
    assert default_regions(peers, -1, EVERYTHING, (POOL,)) == {}


def test_what_is_kept_out_matches_nobody_and_the_pool_goes_to_the_exit() -> None:
    peers = PeerBits([7], exit_peer=3)
    beside = Prefix.parse("10.0.0.0/8")
    found = default_regions(peers, 3, ExitShare((beside,)), (POOL,))
    assert found[beside].allowed == UNMATCHED
    assert found[POOL].allowed == peers.of(3)
    assert found[Prefix.parse("0.0.0.0/0")].forced == 0, "it may not stand as a whole"
    assert found[Prefix.parse("::/0")].forced == peers.of(3)
