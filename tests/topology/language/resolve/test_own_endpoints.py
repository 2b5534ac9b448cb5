"""Endpoints as they are meant, and the families that follow from them."""

from __future__ import annotations

import pytest

from meshc.topology.language.resolve.own_endpoints import (
    endpoints_of,
    lan_endpoint_of,
    underlay_of,
)
from meshc.topology.language.schema.scalars import WrittenEndpoint
from meshc.wg.endpoint import Endpoint

V4, V6, NAME = (Endpoint(host, 1) for host in ("192.0.2.1", "2001:db8::1", "vpn.example"))


def test_a_port_is_filled_in_and_an_endpoint_stands_once() -> None:
    written = [WrittenEndpoint("a.example", 0, None), WrittenEndpoint("a.example", 7, None)]
    assert endpoints_of(written, 7) == (Endpoint("a.example", 7),)


def test_an_endpoint_in_the_lan_keeps_its_missing_port() -> None:
    assert lan_endpoint_of(None) is None
    assert lan_endpoint_of(WrittenEndpoint("192.168.1.2", 0, 4)) == Endpoint("192.168.1.2", 0)


@pytest.mark.parametrize(
    ("written", "endpoints", "families"),
    [
        (["ipv6", "ipv4"], (V4,), (4, 6)),
        (["ipv4"], (V6,), (4,)),
        (None, (V4,), (4,)),
        (None, (V6, V4), (4, 6)),
        (None, (V4, NAME), (4, 6)),
        (None, (), (4, 6)),
    ],
)
def test_families_are_those_of_literal_endpoints(
    written: list[str] | None, endpoints: tuple[Endpoint, ...], families: tuple[int, ...]
) -> None:
    assert underlay_of(written, endpoints) == families
