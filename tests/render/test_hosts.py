"""The hosts file."""

from __future__ import annotations

from meshc.render.hosts import render
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
