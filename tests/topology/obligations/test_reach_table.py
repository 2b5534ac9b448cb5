"""The table says of every pair what `reach` says, and everybody is in one class."""

from __future__ import annotations

import pytest

from meshc.topology.obligations.reach import reach
from meshc.topology.obligations.reach_table import reach_table
from tests.support.policy_oracle import random_policies
from tests.topology.obligations.test_reach import fixed, spec_of


@pytest.mark.parametrize("seed", range(25))
def test_every_pair_is_in_the_table(seed: int) -> None:
    tree = fixed(random_policies(seed))
    if seed % 5 == 0:
        del tree["policies"]
    spec = spec_of(tree)
    table = reach_table(spec)
    members = [name for one in table.classes for name in one.members]
    assert len(members) == len(set(members))
    told = {
        (a, b): services
        for (i, j), services in table.cells.items()
        for a in table.classes[i].members
        for b in table.classes[j].members
        if a != b
    }
    assert told == reach(spec)
    assert set(spec.nodes) <= set(members)


def test_a_group_is_one_class_by_its_name() -> None:
    tree = fixed(random_policies(2))
    tree["groups"] = {"pair": ["a", "b"]}
    tree["policies"] = [{"from": "pair", "to": "hub", "allow": "tcp/22"}]
    names = [one.names for one in reach_table(spec_of(tree)).classes]
    assert ("pair",) in names
    assert ("hub",) in names
