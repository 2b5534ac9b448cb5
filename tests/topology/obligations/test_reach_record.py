"""What is kept of a topology says as much about who reaches whom as the topology itself."""

from __future__ import annotations

import json

import pytest

from meshc.topology.obligations.reach import difference, reach
from meshc.topology.obligations.reach_record import read_record, record
from tests.support.policy_oracle import random_policies
from tests.topology.obligations.test_reach import fixed, spec_of


@pytest.mark.parametrize("seed", range(12))
def test_a_change_reads_the_same_against_the_record(seed: int) -> None:
    old, new = (spec_of(fixed(random_policies(n))) for n in (seed, seed + 100))
    kept = read_record(record(old))
    assert kept is not None
    assert reach(kept) == reach(old)
    assert difference(kept, new) == difference(old, new)
    assert record(kept) == record(old)


def test_a_network_without_policies_is_kept_as_one() -> None:
    tree = fixed(random_policies(3))
    del tree["policies"]
    kept = read_record(record(spec_of(tree)))
    assert kept is not None
    assert kept.policies is None


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", '{"meshc": 2}', '{"meshc": 1, "policies": 3}', "[" * 100_000,
     '{"meshc": 1, "policies": null, "pools": ["x"], "nodes": {}}'],
)  # fmt: skip
def test_what_is_no_record_is_none(text: str) -> None:
    assert read_record(text) is None


def test_why_is_nobodys_business_and_the_text_is_json() -> None:
    tree = fixed(random_policies(1))
    tree["policies"][0]["why"] = 'a "quote", %s'
    assert "quote" not in record(spec_of(tree))
    assert json.loads(record(spec_of(tree)))["meshc"] == 1
