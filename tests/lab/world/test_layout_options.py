from __future__ import annotations

from dataclasses import replace

import pytest

from meshc.lab.world.layout import lay_out
from meshc.lab.world.layout_options import PLAIN, LayoutOptions
from meshc.lab.world.places import Shape
from meshc.topology.language.spec import LabPlace, LabSpec, Nat
from tests.support.labs import a_spec, behind, home, relay


def test_uplinks_are_shaped_as_the_file_and_the_flags_say() -> None:
    lab = LabSpec(default=LabPlace(latency_ms=5), sites={"home": LabPlace(loss_percent=2)})
    spec = a_spec(relay(), behind("a", Nat.SYMMETRIC, "home"), sites=(home(),))
    spec = replace(spec, lab=lab)
    options = LayoutOptions(shapes={"relay": Shape(rate=1000)})
    world = lay_out(spec, {"a": None, "relay": 51820}, options)
    assert Shape(loss=2) == world.cable("home").shape
    assert Shape(rate=1000) == world.cable("relay").shape
    assert Shape() == world.cable("a").shape
    assert Shape(delay=5) == lay_out(spec, {"relay": 51820}).cable("relay").shape


def test_one_shape_for_all_is_for_uplinks_and_not_for_lans() -> None:
    spec = a_spec(relay(), behind("a", Nat.SYMMETRIC, "home"), sites=(home(),))
    ports = {"a": None, "relay": 51820}
    slow = Shape(delay=30)
    shaped = {
        c.name for c in lay_out(spec, ports, LayoutOptions(shape=slow)).cables if any(c.shape)
    }
    assert shaped == {"home", "relay"}
    plain = lay_out(spec, ports, PLAIN)
    assert [cable.name for cable in plain.cables if any(cable.shape)] == []


def test_what_is_said_about_one_cable_beats_what_is_said_about_all() -> None:
    options = LayoutOptions(shape=Shape(delay=30), shapes={"relay": Shape()})
    assert lay_out(a_spec(relay()), {"relay": 51820}, options).cable("relay").shape == Shape()


@pytest.mark.parametrize(("name", "site"), [("home", "home"), ("a", None)])
def test_a_carrier_by_flag_is_the_carrier_of_the_file(name: str, site: str | None) -> None:
    spec = a_spec(behind("a", Nat.FULL_CONE, site), sites=(home(),) if site else ())
    lab = LabSpec(sites={name: LabPlace(double_nat=True)})
    by_file = lay_out(replace(spec, lab=lab), {"a": None})
    by_flag = lay_out(spec, {"a": None}, LayoutOptions(carrier=frozenset({name})))
    assert f"cgnat:{name}" in by_flag.places
    assert by_flag == by_file
    assert by_flag != lay_out(spec, {"a": None})
