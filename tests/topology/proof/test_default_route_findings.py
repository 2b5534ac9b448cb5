"""Default routes that cannot come up, and those that nobody asked for."""

from __future__ import annotations

import pytest

from meshc.topology.proof.default_route_findings import check_default_routes
from tests.support.planted import findings
from tests.support.wire import Wire, main_example
from tests.support.wire_examples import exit_example

assert check_default_routes, "what these findings come from"


def codes(wire: Wire) -> set[str]:
    return {code for code, _ in findings(wire)}


@pytest.mark.parametrize(
    "prefixes", [["0.0.0.0/0"], ["0.0.0.0/1", "128.0.0.0/1"], ["8.8.8.0/24"], ["172.0.0.0/8"]]
)
def test_public_addresses_that_nobody_has_are_asked_for_by_an_exit(prefixes: list[str]) -> None:
    wire = main_example()
    wire.nodes["public-server1"].peers["phone"].allowed += prefixes
    assert "E442" in codes(wire)


@pytest.mark.parametrize("prefix", ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"])
def test_private_addresses_are_nobodys_internet(prefix: str) -> None:
    wire = main_example()
    wire.nodes["public-server1"].peers["phone"].allowed.append(prefix)
    assert "E442" not in codes(wire)


def test_who_uses_an_exit_has_asked() -> None:
    assert not codes(exit_example()) & {"E441", "E442"}
