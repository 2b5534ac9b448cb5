from __future__ import annotations

import dataclasses
import pickle

import pytest

from meshc.lab.world.layout import lay_out
from meshc.lab.world.places import LabWorld, Shape
from meshc.prefixes import Prefix
from meshc.topology.language.spec import Nat
from tests.support.labs import a_spec, behind, home, relay


@pytest.fixture
def world() -> LabWorld:
    """A world with a place of nearly every kind."""
    lan = (Prefix.parse("192.168.1.0/24"),)
    inside = behind("a", Nat.PORT_RESTRICTED, "home", routes=lan)
    spec = a_spec(relay(), inside, behind("b", Nat.SYMMETRIC), sites=(home(),))
    return lay_out(spec, {"a": None, "b": None, "relay": 51820})


def test_a_cable_is_found_by_its_name_alone(world: LabWorld) -> None:
    for cable in world.cables:
        assert world.cable(cable.name) is cable
    with pytest.raises(KeyError, match="nowhere"):
        world.cable("nowhere")


def test_every_port_is_one_end_of_one_cable(world: LabWorld) -> None:
    ports = [port for cable in world.cables for port in (cable.left, cable.right)]
    assert len(ports) == len(set(ports))
    plugged = {port.place: set[str]() for port in ports}
    for port in ports:
        plugged[port.place].add(port.interface)
    for place in world.places.values():
        own = {name for name, _ in place.addresses} | {route.interface for route in place.routes}
        bridged = {member for members in place.bridges.values() for member in members}
        assert own - set(place.bridges) | bridged <= plugged[place.name], place.name


def test_a_world_is_the_same_after_the_pipe_to_the_keeper(world: LabWorld) -> None:
    assert pickle.loads(pickle.dumps(world)) == world


def test_a_world_that_is_laid_out_stays_as_it_is(world: LabWorld) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        world.places["a"].rules = "flush ruleset"  # type: ignore[misc]


def test_a_shape_that_nobody_asked_for_does_nothing() -> None:
    assert not any(Shape())
    assert all(any(Shape()._replace(**{name: 1})) for name in Shape._fields)
