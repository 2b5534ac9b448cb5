"""Linux in the place of a router: its rules as chains of iptables, which mean the same."""

from __future__ import annotations

import random

import pytest

from meshc.lab.router_stand_in import router_notes, stand_in, with_rules
from meshc.topology.language.spec import FirewallTool, Platform
from meshc.topology.proof import NodeFile
from meshc.topology.proof.netfilter import Firewall
from meshc.topology.proof.node_model import model_of
from meshc.wg.conf import parse
from tests.support.policy_networks import OFFICE, PolicyNetwork, policy_network, same_packets
from tests.support.specs import node, spec


def office(platform: str) -> PolicyNetwork:
    return policy_network(OFFICE.format(platform=platform))


@pytest.mark.parametrize("platform", ["openwrt", "routeros"])
def test_the_chains_let_the_same_packets_through(platform: str) -> None:
    network = office(platform)
    router = network.model("office", network.files()["office"])
    assert router.script is not None
    text = with_rules("[Interface]\nAddress = 10.44.0.2/32\n", router.script.firewall)
    read = NodeFile("office", parse(text))
    facts = network.expected().nodes["office"]
    linux = model_of(facts, read.conf)
    assert same_packets(router, linux, random.Random(1), 3_000)
    emptied = model_of(facts, parse(with_rules("[Interface]\n", Firewall("wg0"))))
    assert not same_packets(router, emptied, random.Random(1), 3_000)


def test_the_node_is_one_of_linux_and_the_reader_is_told() -> None:
    made = spec([node("r", platform=Platform.OPENWRT, kill_switch=True), node("a")]).nodes
    assert stand_in(made["r"]).platform is Platform.LINUX
    assert not stand_in(made["r"]).kill_switch
    assert stand_in(made["r"]).firewall is FirewallTool.IPTABLES
    (note,) = router_notes([*made.values()])
    assert note.startswith("r: Linux stands in for openwrt")
