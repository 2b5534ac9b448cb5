"""Who reaches what, and what a change opens and closes, against the words of the files."""

from __future__ import annotations

import copy
import random
import re
from typing import Any

import pytest
import yaml

from meshc.diagnostics import Diagnostics
from meshc.topology.language.load import load_spec
from meshc.topology.language.spec import EVERYTHING, Service, Spec
from meshc.topology.obligations.access import covers
from meshc.topology.obligations.reach import (
    ReachLine,
    all_groups,
    difference,
    folded,
    named,
    reach,
    without_services,
)
from tests.support.policy_oracle import Oracle, random_policies

TRIED = [("tcp", 22), ("tcp", 85), ("tcp", 100), ("tcp", 9), ("udp", 53), ("icmp", 0)]


def spec_of(tree: dict[str, Any]) -> Spec:
    found = Diagnostics()
    spec = load_spec(yaml.safe_dump(tree), file="f", diagnostics=found)
    assert spec is not None, [item.message for item in found]
    return spec


def fixed(tree: dict[str, Any]) -> dict[str, Any]:
    """With an address for each node, so that both sides know it."""
    for number, node in enumerate(tree["nodes"].values()):
        node["address"] = [f"10.44.0.{number + 1}", f"fd44::{number + 1}"]
    return tree


def oracle_of(tree: dict[str, Any]) -> Oracle:
    return Oracle(tree, {name: node["address"] for name, node in tree["nodes"].items()})


def allows(oracle: Oracle, source: str, target: str, protocol: str, port: int) -> bool:
    """By names: over any family that both have."""
    one, other = _address(oracle, source), _address(oracle, target)
    return any(
        oracle.allows(a, b, protocol, port) for a in one for b in other if (":" in a) == (":" in b)
    )


def _address(oracle: Oracle, name: str) -> list[str]:
    if name == "internet":
        return ["1.1.1.1", "2606:4700::1111"]
    if ":lan" in name:
        node, _, prefix = name.partition(":lan")
        prefix = prefix.strip() or str(oracle.lans[node][0])
        return [re.split("[/-]", prefix)[0]]
    return [*map(str, oracle.addresses[name])]


@pytest.mark.parametrize("seed", range(25))
def test_reach_is_what_the_file_says(seed: int) -> None:
    tree = fixed(random_policies(seed))
    oracle, found = oracle_of(tree), reach(spec_of(tree))
    names = {name for pair in found for name in pair} | set(tree["nodes"])
    for source in sorted(names - {"internet"}):
        for target in sorted(names - {source}):
            services = found.get((source, target), ())
            for protocol, port in TRIED:
                ports = protocol in ("tcp", "udp")
                one = Service(protocol, port, port) if ports else Service(protocol)
                there = any(covers(wide, one) for wide in services)
                assert there == allows(oracle, source, target, protocol, port), (source, target)


@pytest.mark.parametrize("seed", range(25))
def test_a_change_opens_and_closes_what_the_relations_differ_in(seed: int) -> None:
    old = fixed(random_policies(seed))
    new = copy.deepcopy(old)
    rng = random.Random(seed)
    new["policies"] = [
        {**rule, **({"allow": "tcp/20-87"} if rng.random() < 0.5 else {})}
        for rule in old["policies"] if rng.random() < 0.7
    ] + [{"from": "a", "to": "b", "allow": "udp"}]  # fmt: skip
    opens, closes = difference(spec_of(old), spec_of(new))
    before, after = oracle_of(old), oracle_of(new)
    names = sorted({name for pair in (*opens, *closes) for name in pair} | set(old["nodes"]))
    for source in names:
        for target in names:
            if source in (target, "internet"):
                continue
            for protocol, port in TRIED:
                had = allows(before, source, target, protocol, port)
                has = allows(after, source, target, protocol, port)
                ports = protocol in ("tcp", "udp")
                one = Service(protocol, port, port) if ports else Service(protocol)
                for found, wanted in ((opens, has and not had), (closes, had and not has)):
                    there = any(covers(s, one) for s in found.get((source, target), ()))
                    assert there == wanted, (source, target, protocol, port)


def test_taking_the_section_away_opens_everything_that_was_closed() -> None:
    tree = fixed(random_policies(3))
    free = {key: value for key, value in tree.items() if key != "policies"}
    opens, closes = difference(spec_of(tree), spec_of(free))
    assert opens
    assert not closes
    assert not any(difference(spec_of(tree), spec_of(tree)))


def test_what_is_left_of_services() -> None:
    tcp = Service("tcp", 80, 90)
    assert without_services((EVERYTHING,), ()) == (EVERYTHING,)
    assert without_services((tcp,), (Service("tcp", 85, 85),)) == (
        Service("tcp", 80, 84),
        Service("tcp", 86, 90),
    )
    assert without_services((tcp,), (EVERYTHING,)) == ()
    left = {one.protocol for one in without_services((EVERYTHING,), (Service("tcp"),))}
    assert left == {"udp", "icmp", "other"}


def test_groups_stand_for_their_members() -> None:
    groups = {"all-of-them": ("a", "b", "c"), "two": ("a", "b"), "one": ("d",)}
    assert named(["a", "b", "c", "d"], groups) == ("all-of-them", "d")
    assert named(["a", "b", "d"], groups) == ("two", "d")
    pairs = {("a", "x"): (EVERYTHING,), ("b", "x"): (EVERYTHING,)}
    assert folded(pairs, groups) == [ReachLine(("two",), ("x",), (EVERYTHING,))]


def test_a_lan_whose_parts_are_all_meant_is_told_whole() -> None:
    tree = fixed(random_policies(1))
    tree["nodes"]["a"] = {"routes": "192.168.97.0/24", "address": tree["nodes"]["a"]["address"]}
    tree["policies"] = [{"from": "b", "to": "a:lan"}, {"from": "hub", "to": "192.168.97.5"}]
    spec = spec_of(tree)
    lines = folded(reach(spec), all_groups(spec))
    assert {(line.sources, line.targets) for line in lines} == {
        (("b",), ("a:lan",)),
        (("hub",), ("a:lan 192.168.97.5/32",)),
    }
