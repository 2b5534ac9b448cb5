"""Relays first, then gateways, then leaves."""

from __future__ import annotations

from pathlib import Path

from meshc.deploy.plan.waves import waves
from tests.support.deploys import mesh


def test_nodes_are_deployed_in_the_order_of_those_that_need_them(tmp_path: Path) -> None:
    found = mesh(tmp_path)
    plans = [found[name].plan for name in ("leaf", "router", "hub", "exit")]
    assert waves(plans) == (("hub",), ("exit", "router"), ("leaf",))


def test_a_wave_without_nodes_is_left_out(tmp_path: Path) -> None:
    found = mesh(tmp_path)
    assert waves([found["leaf"].plan]) == (("leaf",),)
    assert waves([]) == ()
