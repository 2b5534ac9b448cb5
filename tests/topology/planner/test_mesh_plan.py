"""A plan as a value."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshc.prefixes import Prefix
from meshc.topology.planner.mesh_plan import Forwarding
from tests.support.plans import star


@pytest.mark.parametrize(
    ("forwarding", "needed"),
    [
        (Forwarding(), False),
        (Forwarding(families=(4, 6), clamp_mss=True), False),
        (Forwarding(relay=True), True),
        (Forwarding(lans=(Prefix.parse("192.168.1.0/24"),)), True),
        (Forwarding(exit=True), True),
    ],
)
def test_who_must_forward(forwarding: Forwarding, needed: bool) -> None:
    assert forwarding.needed is needed


def test_equal_plans_are_equal_and_one_difference_shows() -> None:
    plan = star()
    assert plan == star()
    laptop = plan.nodes["laptop"]
    assert laptop.name == "laptop"
    assert replace(plan, nodes={**plan.nodes, "laptop": replace(laptop, mtu=1380)}) != plan
