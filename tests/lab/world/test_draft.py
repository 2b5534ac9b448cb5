from __future__ import annotations

from dataclasses import replace

import pytest

from meshc.lab.world.draft import INTERNET, WorldDraft
from meshc.lab.world.layout_options import LayoutOptions
from meshc.lab.world.places import Port, Shape
from tests.support.labs import a_spec, relay


def a_draft(options: LayoutOptions) -> WorldDraft:
    return WorldDraft(a_spec(relay()), {"relay": 51820}, options)


def test_a_cable_has_the_shape_that_was_asked_for() -> None:
    slow, rest = Shape(delay=40), Shape(loss=1)
    draft = a_draft(LayoutOptions(shape=rest, shapes={"other": slow}))
    for name in ("relay", "other", "lan:x"):
        draft.cable(name, Port(INTERNET, name), Port(name, "eth0"))
    assert [cable.shape for cable in draft.cables] == [rest, slow, Shape()]


@pytest.mark.parametrize(
    ("options", "mtu"),
    [
        (LayoutOptions(), 1492),
        (LayoutOptions(shape=Shape(delay=40)), 1492),
        (LayoutOptions(shapes={"relay": Shape(loss=1)}), 1492),
        (LayoutOptions(shapes={"relay": Shape(mtu=1400)}), 1400),
    ],
)
def test_an_uplink_is_as_narrow_as_the_topology_says(options: LayoutOptions, mtu: int) -> None:
    narrow = replace(relay(), uplink_mtu=1492)
    draft = WorldDraft(a_spec(narrow), {"relay": 51820}, options)
    for name in ("relay", "lan:x"):
        draft.cable(name, Port(INTERNET, name), Port(name, "eth0"))
    assert [cable.shape.mtu for cable in draft.cables] == [mtu, 0]


def test_two_cables_never_share_a_name() -> None:
    draft = a_draft(LayoutOptions())
    for end in ("a", "b"):
        draft.cable("home", Port(INTERNET, end), Port(end, "eth0"))
    assert [cable.name for cable in draft.cables] == ["home", "home:wan"]


def test_hosts_behind_one_router_are_told_apart() -> None:
    draft = a_draft(LayoutOptions())
    assert draft.lan_name("gw") == "lan:gw"
