"""All nodes of a network, found by name, by public key and by address."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshc.prefixes import Prefix, parse_address
from meshc.topology.proof.network_model import NetworkModel
from meshc.topology.proof.node_model import NodeModel
from tests.support.wire import Wire, main_example, private_key
from tests.support.wire_examples import LAN, lan_example


def network(wire: Wire) -> NetworkModel:
    return NetworkModel.build(wire.files(), wire.expectation())


def name(model: NodeModel | None) -> str | None:
    return None if model is None else model.name


def without_peers(model: NodeModel) -> NodeModel:
    assert model.conf is not None
    return replace(model, conf=replace(model.conf, peers=()))


def number(text: str) -> int:
    return int(parse_address(text))


def test_every_node_is_found_by_its_key_and_by_its_address() -> None:
    wire = main_example()
    net = network(wire)
    assert set(net.models) == set(wire.nodes)
    for one, node in wire.nodes.items():
        assert name(net.with_key(private_key(one).public_key())) == one
        assert name(net.at(4, Prefix.parse(node.addresses[0]).value)) == one
    assert net.with_key(private_key("nobody").public_key()) is None
    assert net.at(4, number("10.44.0.99")) is None
    assert net.at(6, number("10.44.0.1")) is None


def test_of_two_nodes_with_one_key_the_first_has_it() -> None:
    wire = main_example()
    wire.nodes["phone"].key = wire.nodes["laptop"].key
    assert name(network(wire).with_key(private_key("laptop").public_key())) == "laptop"


def test_a_node_without_a_file_counts_only_when_nobody_manages_it() -> None:
    wire = main_example()
    wire.nodes["phone"].facts = replace(wire.nodes["phone"].facts, managed=False)
    files = [file for file in wire.files() if file.name != "laptop"]
    net = NetworkModel.build(files, wire.expectation())
    assert set(wire.nodes) - set(net.models) == {"laptop"}
    assert net.model("phone").conf is None
    with pytest.raises(KeyError):
        net.model("laptop")


def test_an_address_in_a_lan_belongs_to_the_router_with_the_narrowest_route() -> None:
    wire = lan_example()
    server = wire.nodes["public-server2"]
    server.facts = replace(server.facts, routes=(Prefix.parse("192.168.0.0/16"),))
    net = network(wire)
    owner = {text: name(net.owner(4, number(text))) for text in ("192.168.1.7", "192.168.2.7")}
    assert owner == {"192.168.1.7": "home-server", "192.168.2.7": "public-server2"}
    assert name(net.owner(4, number("10.44.0.5"))) == "phone"
    assert net.owner(4, number("1.1.1.1")) is None
    assert net.at(4, Prefix.parse(LAN).value + 7) is None


def test_a_node_is_loaded_when_it_is_asked_for_and_once() -> None:
    whole = network(main_example())
    loaded: list[str] = []

    def load(model: NodeModel) -> NodeModel:
        loaded.append(model.name)
        return whole.models[model.name]

    bare = [without_peers(model) for model in whole.models.values()]
    net = NetworkModel(bare, whole.pools, load)
    assert loaded == []
    assert net.model("phone") is whole.model("phone")
    assert net.at(4, number("10.44.0.5")) is whole.model("phone")
    assert net.with_key(private_key("laptop").public_key()) is whole.model("laptop")
    assert loaded == ["phone", "laptop"]
