"""The overhead of the tunnel, measured on the packets of an engine."""

from __future__ import annotations

from meshc.engine.proto.datapath import sealing
from meshc.wg.overhead import DEFAULT_MTU, OVERHEAD, TUNNEL_MTU, UNDERLAY_MTU


def test_it_is_what_the_engine_adds() -> None:
    udp, headers = 8, {4: 20, 6: 40}
    assert {family: ip + udp + sealing.OVERHEAD for family, ip in headers.items()} == OVERHEAD


def test_a_full_packet_fills_the_underlay() -> None:
    assert all(TUNNEL_MTU[family] + OVERHEAD[family] == UNDERLAY_MTU for family in (4, 6))


def test_the_default_is_that_of_wg_quick() -> None:
    assert DEFAULT_MTU == 1420
