"""Who changes together: those that cut, those that are cut, and in which order they decide."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from meshc.build.pipeline import compare_file, compile_file
from meshc.deploy.plan.difference import Difference
from meshc.deploy.plan.joint_group import joint_group
from meshc.deploy.plan.survey import Surveyed
from meshc.deploy.plan.target import Target, targets
from meshc.deploy.protocol import Activation
from tests.support.fakenode import FACTS

CHAIN = """\
meshc: 1
network: {name: demo, addresses: 10.44.0.0/24}
nodes:
  first: {role: relay, endpoint: first.demo-vpn.net, address: 10.44.0.1, deploy: {host: 192.0.2.1}}
  second:
    {role: relay, endpoint: second.demo-vpn.net, address: 10.44.0.2, deploy: {host: 10.44.0.2}}
  far: {via: [second], direct: none, address: 10.44.0.9, deploy: {host: 10.44.0.9}}
  near: {via: [first], direct: none, address: 10.44.0.8, deploy: {host: 10.44.0.8}}
  other: {address: 10.44.0.7, deploy: {host: 192.0.2.7}}
links:
  - {endpoints: [far, first], direct: false}
"""
TWO_RELAYS = """\
meshc: 1
network: {name: demo, addresses: 10.44.0.0/24}
nodes:
  hub: {role: relay, endpoint: hub.demo-vpn.net, address: 10.44.0.1, deploy: {host: 192.0.2.1}}
  other: {role: relay, endpoint: other.demo-vpn.net, address: 10.44.0.2, deploy: {host: 192.0.2.2}}
  leaf: {address: 10.44.0.9, deploy: {host: 10.44.0.9}}
"""


@pytest.fixture
def chain(tmp_path: Path) -> dict[str, Target]:
    file = tmp_path / "mesh.yaml"
    file.write_text(CHAIN)
    compile_file(file)
    return {target.name: target for target in targets(compare_file(file))}


def surveyed(target: Target, *cuts: str, **more: Any) -> Surveyed:
    difference = Difference(
        node=target.name, activation=Activation.SYNC, cuts=frozenset(cuts), **more
    )
    return Surveyed(target, FACTS, difference)


def test_where_those_on_the_way_were_before_is_what_their_own_file_says(
    chain: dict[str, Target],
) -> None:
    """What the plan gives them now is of no use to a node that has gone back."""
    old = f"[Interface]\nPrivateKey = {'A' * 43}=\nAddress = 10.44.0.77/24\n"
    first = replace(surveyed(chain["first"], "near"), facts=replace(FACTS, conf=old))
    found = joint_group([first, surveyed(chain["near"])])
    key = str(chain["first"].plan.public_key)
    assert {one.found.target.name: (one.way, one.before) for one in found} == {
        "first": ({}, {}),
        "near": ({key: "10.44.0.1"}, {key: "10.44.0.77"}),
    }


def test_without_a_cut_there_is_no_group(chain: dict[str, Target]) -> None:
    assert joint_group([surveyed(one) for one in chain.values()]) == ()


def test_those_that_cut_and_are_cut_and_all_relays_go_together(chain: dict[str, Target]) -> None:
    found = joint_group(
        [surveyed(one, *(["near"] if name == "first" else [])) for name, one in chain.items()]
    )
    assert [one.found.target.name for one in found] == ["first", "near", "second"]


def test_a_node_decides_by_the_peers_that_are_nearer_to_the_operator(
    chain: dict[str, Target],
) -> None:
    """`far` is two tunnels away, and `first` reached from outside."""
    cuts = {"first": ("second", "far", "near"), "second": ("far",)}
    found = joint_group([surveyed(one, *cuts.get(name, ())) for name, one in chain.items()])
    depths = {one.found.target.name: one.depth for one in found}
    assert depths == {"first": 0, "second": 1, "near": 1, "far": 2}
    ways = {one.found.target.name: list(one.way.values()) for one in found}
    assert ways == {
        "first": [],
        "second": ["10.44.0.1"],
        "near": ["10.44.0.1"],
        "far": ["10.44.0.2"],
    }


def test_a_node_that_changes_nothing_or_could_not_be_asked_takes_no_part(
    chain: dict[str, Target],
) -> None:
    found = [
        surveyed(chain["first"], "near", "far"),
        Surveyed(chain["near"], FACTS, Difference(node="near")),
        Surveyed(chain["far"], None, Difference(node="far")),
    ]
    assert [one.found.target.name for one in joint_group(found)] == ["first"]


def test_one_whose_way_does_not_change_decides_by_its_relays(chain: dict[str, Target]) -> None:
    found = joint_group([surveyed(chain["first"], "far"), surveyed(chain["far"])])
    far = next(one for one in found if one.found.target.name == "far")
    assert (far.depth, list(far.way.values())) == (1, ["10.44.0.2"])


def test_a_relay_that_answers_before_the_change_and_after_it_decides_nothing(
    tmp_path: Path,
) -> None:
    """A hub changes its address, and another relay changes with it: the leaf hears that one in
    either case, and was lost when the hub had gone back."""
    file = tmp_path / "mesh.yaml"
    file.write_text(TWO_RELAYS)
    compile_file(file)
    found = [
        surveyed(one, *(["leaf"] if one.name == "hub" else []))
        for one in targets(compare_file(file))
    ]
    leaf = next(one for one in joint_group(found) if one.found.target.name == "leaf")
    assert list(leaf.way.values()) == ["10.44.0.1"]
