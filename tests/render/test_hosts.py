"""The hosts file."""

from __future__ import annotations

from dataclasses import replace

from meshc.render.hosts import render
from meshc.wg.endpoint import Endpoint
from tests.support.keyed_plans import mesh_plan, small_plan


def test_names_are_sorted_and_qualified() -> None:
    plan = mesh_plan(*small_plan().nodes.values(), domain="example-vpn.dev")
    assert (
        render(plan)
        == """\
# Nodes of testnet. Append to /etc/hosts.
10.44.0.1  hub.example-vpn.dev hub
fd44::1    hub.example-vpn.dev hub
10.44.0.2  laptop.example-vpn.dev laptop
fd44::2    laptop.example-vpn.dev laptop
10.44.0.3  phone.example-vpn.dev phone
fd44::3    phone.example-vpn.dev phone
"""
    )


def test_without_a_domain_the_names_stand_alone() -> None:
    assert "10.44.0.2  laptop\n" in render(small_plan())


def test_a_name_at_which_a_node_is_reached_from_outside_is_left_out() -> None:
    """/etc/hosts comes before DNS: the endpoint would lead into its own tunnel."""
    plan = mesh_plan(*small_plan().nodes.values(), domain="example-vpn.dev")
    nodes = dict(plan.spec.nodes)
    nodes["hub"] = replace(nodes["hub"], endpoints=(Endpoint("Hub.example-vpn.dev", 51820),))
    nodes["phone"] = replace(nodes["phone"], endpoints=(Endpoint("phone", 51820),))
    text = render(replace(plan, spec=replace(plan.spec, nodes=nodes)))
    assert "10.44.0.1  hub\n" in text
    assert "hub.example-vpn.dev" not in text
    assert "10.44.0.3  phone.example-vpn.dev\n" in text
