"""Nodes that no packet can tell apart are one class."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshc.prefixes import Prefix
from meshc.topology.proof import prove
from tests.support.wire import Wire, main_example


def classes(wire: Wire) -> list[set[str]]:
    proof = prove(wire.files(), wire.expectation())
    of = proof.matrices[4].classes.of
    return [
        {name for name, class_ in zip(proof.names, of, strict=True) if class_ == number}
        for number in range(max(of) + 1)
    ]


LEAVES = {"home-server", "laptop", "phone"}


def test_the_leaves_of_a_relay_are_one_class() -> None:
    # with so few nodes classes begin above sixteen tables only
    assert LEAVES in classes(main_example())


def _mtu(wire: Wire) -> None:
    wire.nodes["phone"].mtu = 1300


def _lan(wire: Wire) -> None:
    facts = wire.nodes["phone"].facts
    wire.nodes["phone"].facts = replace(facts, lans=(Prefix.parse("192.168.0.0/24"),))


def _session(wire: Wire) -> None:
    wire.nodes["phone"].peers["public-server2"].keepalive = None


def _table(wire: Wire) -> None:
    wire.nodes["phone"].peers["public-server2"].allowed.append("10.44.0.9/32")


def _rule(wire: Wire) -> None:
    wire.nodes["public-server1"].post_up.append("iptables -A FORWARD -s 10.44.0.5 -j DROP")


def _address(wire: Wire) -> None:
    wire.nodes["public-server2"].addresses.append("10.44.0.5/32")


@pytest.mark.parametrize("change", [_mtu, _lan, _session, _table, _rule, _address])
def test_what_makes_a_node_different(change: object) -> None:
    wire = main_example()
    change(wire)  # type: ignore[operator]
    assert {"phone"} in classes(wire)
    assert LEAVES - {"phone"} in classes(wire)
