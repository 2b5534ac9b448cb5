"""Rows of bits are the sets of packets that they stand for."""

from __future__ import annotations

import random

import pytest

from meshc.prefixes import Prefix
from meshc.topology.proof.packet_grid import PacketGrid, bits

SERVICES = (("tcp", 22), ("udp", 53), ("icmp", 0))


@pytest.mark.parametrize("seed", range(20))
def test_a_row_holds_each_target_with_each_service(seed: int) -> None:
    rng = random.Random(seed)
    addresses = sorted(rng.sample(range(256), rng.randint(1, 12)))
    grid = PacketGrid(4, addresses, SERVICES)
    length = rng.randint(24, 32)
    region = tuple(
        Prefix(4, rng.randrange(256) >> (32 - length) << (32 - length), length) for _ in range(3)
    )
    inside = [any(p.value <= a <= p.last for p in region) for a in addresses]
    assert [bool(grid.within(region) >> n & 1) for n in range(len(addresses))] == inside
    protocol, first = rng.choice(["", "tcp", "udp", "icmp", "sctp"]), rng.choice([0, 22, 23, 54])
    wanted = [protocol in ("", name) and port >= first for name, port in SERVICES]
    row = grid.row(grid.within(region), grid.serving(protocol, first))
    packets = [
        (address, service)
        for address, there in zip(addresses, inside, strict=True)
        for service, yes in zip(SERVICES, wanted, strict=True)
        if there and yes
    ]
    assert [grid.packet(1 << place) for place in bits(row)] == packets


def test_another_family_is_nowhere() -> None:
    grid = PacketGrid(6, [1, 2], SERVICES)
    assert grid.within((Prefix(4, 0, 0),)) == 0
    assert grid.within((Prefix(6, 0, 0),)) == grid.everywhere
