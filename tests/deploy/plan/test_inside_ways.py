"""Which nodes are reached through the tunnels, whatever their way is written as."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from meshc.build.pipeline import compile_file
from meshc.deploy.plan import inside_ways
from meshc.deploy.plan.inside_ways import reached_inside, this_machine
from meshc.topology.planner.mesh_plan import MeshPlan

MESH = """\
meshc: 1
network: {name: demo, addresses: 10.44.0.0/24, domain: demo.internal}
nodes:
  hub: {role: relay, endpoint: hub.demo-vpn.net, address: 10.44.0.1, deploy: {host: 198.51.100.1}}
  router: {routes: [192.168.77.0/24], deploy: {host: 198.51.100.2}}
  leaf: {address: 10.44.0.9, deploy: {host: HOST}}
"""


@pytest.fixture
def plan(tmp_path: Path) -> MeshPlan:
    file = tmp_path / "mesh.yaml"
    file.write_text(MESH.replace("HOST", "somewhere"))
    return compile_file(file).plan


def inside(plan: MeshPlan, *way: str) -> bool:
    """With these hosts on the way to the leaf; the others are reached as they say."""
    found = reached_inside(plan, lambda s: way if s.name == "leaf" else (s.deploy.host or "",))
    assert found <= {"leaf"}
    return "leaf" in found


def test_an_address_in_the_tunnels_a_name_of_the_network_and_a_lan_behind_it(
    plan: MeshPlan,
) -> None:
    assert inside(plan, "10.44.0.9")
    assert inside(plan, "leaf.demo.internal")
    assert inside(plan, "192.168.77.5")
    assert not inside(plan, "198.51.100.9")
    assert not inside(plan, "10.45.0.9")


def test_a_jump_host_in_the_tunnels_is_on_the_way(plan: MeshPlan) -> None:
    assert inside(plan, "10.44.0.1", "192.0.2.9")
    assert not inside(plan, "198.51.100.1", "192.0.2.9")
    assert inside(plan, "198.51.100.1", "10.44.0.9")


def test_a_name_is_looked_up_and_one_that_nobody_knows_is_no_way(
    plan: MeshPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lookup(host: str, _: Any) -> Any:
        if host == "leaf":
            return [(socket.AF_INET, 1, 6, "", ("10.44.0.9", 0))]
        raise socket.gaierror(-2, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    assert inside(plan, "leaf")
    assert not inside(plan, "other")
    assert not inside(plan, "\udcff")


def test_this_machine_itself_and_a_lan_that_it_is_in_are_no_way_through_the_tunnels(
    plan: MeshPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inside_ways, "_here", lambda address: address == "10.44.0.9")
    monkeypatch.setattr(inside_ways, "_source", lambda _: "192.168.77.200")
    assert not inside(plan, "10.44.0.9")
    assert not inside(plan, "192.168.77.5")
    assert inside(plan, "10.44.0.8")


def test_the_node_that_this_machine_is(plan: MeshPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    assert this_machine(plan) == frozenset()
    monkeypatch.setattr(inside_ways, "_here", lambda address: address == "10.44.0.9")
    assert this_machine(plan) == {"leaf"}


def test_the_machines_own_addresses_are_known() -> None:
    assert inside_ways._here("127.0.0.1")
    assert not inside_ways._here("192.0.2.77")
    assert inside_ways._source("127.0.0.2") == "127.0.0.1"
