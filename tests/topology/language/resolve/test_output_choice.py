"""`outputs`: the nearest layer wins, and only Linux nodes with files of ours have any."""

from __future__ import annotations

from meshc.diagnostics import Diagnostics
from meshc.topology.language.load import load_spec
from meshc.topology.language.resolve.output_choice import node_outputs
from meshc.topology.language.spec import Output


def test_in_one_order_and_each_once() -> None:
    asked = ["compose", "networkd", "compose"]
    assert node_outputs({"outputs": asked}) == (Output.NETWORKD, Output.COMPOSE)
    assert node_outputs({}) == ()


def test_defaults_are_for_those_who_can_use_them() -> None:
    found = Diagnostics()
    spec = load_spec(
        "meshc: 1\nnetwork: {name: t, addresses: 10.44.0.0/24}\n"
        "defaults: {outputs: networkd}\n"
        "groups: {laptops: {members: [laptop], outputs: [networkmanager]}}\n"
        "nodes:\n"
        "  hub: {role: relay, endpoint: 9.9.9.9}\n"
        "  laptop: {}\n"
        "  plain: {outputs: []}\n"
        "  phone: {platform: ios}\n"
        "  partner: {managed: false, public_key: hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=}\n",
        file="mesh.yaml",
        diagnostics=found,
    )
    assert spec is not None
    assert [d.code for d in found] == []
    assert {name: [o.value for o in node.outputs] for name, node in spec.nodes.items()} == {
        "hub": ["networkd"],
        "laptop": ["networkmanager"],
        "partner": [],
        "phone": [],
        "plain": [],
    }
