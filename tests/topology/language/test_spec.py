"""The meaning of a file as values."""

from __future__ import annotations

import pytest

from meshc.diagnostics import Location
from meshc.topology.language.spec import LabPlace, LabSpec, NodeSpec, Role
from meshc.wg.endpoint import Endpoint


@pytest.mark.parametrize(
    ("endpoint", "text"),
    [
        (Endpoint("vpn.example", 51820), "vpn.example:51820"),
        (Endpoint("192.0.2.1", 1), "192.0.2.1:1"),
        (Endpoint("2001:db8::1", 1), "[2001:db8::1]:1"),
    ],
)
def test_an_endpoint_is_written_as_wg_reads_it(endpoint: Endpoint, text: str) -> None:
    assert str(endpoint) == text


def test_a_key_stands_where_it_is_set_else_where_the_node_begins() -> None:
    begin, mtu = Location("f", 3, 3), Location("f", 4, 5)
    node = NodeSpec(name="a", role=Role.RELAY, locations={"": begin, "mtu": mtu})
    assert (node.at(), node.at("mtu"), node.at("dns")) == (begin, mtu, begin)
    assert NodeSpec(name="a").at("mtu") is None
    assert node.is_relay


def test_a_node_of_the_lab_goes_before_its_site_and_that_before_the_default() -> None:
    default, site, node = (LabPlace(latency_ms=n) for n in (1, 2, 3))
    lab = LabSpec(default=default, sites={"home": site}, nodes={"a": node})
    assert lab.place(node="a", site="home") is node
    assert lab.place(node="b", site="home") is site
    assert lab.place(node="b", site=None) is default
