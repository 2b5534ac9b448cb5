"""Names of nodes become servers; what is no name of a node is searched."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshc.render.name_servers import is_address, name_servers
from meshc.topology.planner.mesh_plan import NodePlan
from tests.support.keyed_plans import mesh_plan, small_plan

HUB = ("10.44.0.1", "fd44::1")


def servers(*dns: str, domain: str | None = None, node: str = "laptop") -> tuple[str, ...]:
    plan = small_plan()
    nodes = plan.nodes
    asking = replace(nodes[node], spec=replace(nodes[node].spec, dns=dns))
    plan = mesh_plan(*({**nodes, node: asking}).values(), domain=domain)
    asked: NodePlan = plan.nodes[node]
    return name_servers(plan, asked)


@pytest.mark.parametrize(
    ("dns", "domain", "expected"),
    [
        ((), None, ()),
        ((), "mesh.dev", ()),
        (("1.1.1.1", "corp.example"), None, ("1.1.1.1", "corp.example")),
        (("hub",), None, HUB),
        (("hub", "10.44.0.1", "hub"), None, HUB),
        (("1.1.1.1",), "mesh.dev", ("1.1.1.1", "mesh.dev")),
        (("hub.mesh.dev",), "mesh.dev", (*HUB, "mesh.dev")),
        (("hub.mesh.dev",), None, ("hub.mesh.dev",)),
    ],
)
def test_a_name_of_the_network_is_the_addresses_of_its_node(
    dns: tuple[str, ...], domain: str | None, expected: tuple[str, ...]
) -> None:
    assert servers(*dns, domain=domain) == expected


def test_a_resolver_does_not_ask_itself() -> None:
    assert servers("hub", node="hub") == ()


def test_addresses_and_domains_are_told_apart() -> None:
    assert is_address("fd44::1")
    assert not is_address("corp.example")
