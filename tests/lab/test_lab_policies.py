"""The faults that `benchmarks/lab_policies.py` plants are possible, leave readable files, and are
such as the proof sees."""

from __future__ import annotations

import importlib
import random
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from meshc.wg.conf import parse
from tests.support.policy_networks import policy_network

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
CODES = {"E431", "E432", "W443"}


@pytest.fixture
def policies(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("lab_policies")


def test_every_kind_of_fault_is_planted_and_found_by_the_proof(policies: ModuleType) -> None:
    planted: dict[str, int] = dict.fromkeys(policies.FAULTS, 0)
    found = dict(planted)
    for seed in range(6):
        network = policy_network(yaml.safe_load(policies.a_network(seed)))
        files = network.files()
        assert not network.codes(files) & CODES
        for number, (kind, fault) in enumerate(policies.FAULTS.items()):
            rng = random.Random(1000 * seed + number)
            for node in rng.sample(sorted(files), len(files)):
                damaged = fault(files[node], rng)
                if damaged is None:
                    continue
                parse(damaged)
                planted[kind] += damaged != files[node]
                found[kind] += bool(network.codes(files | {node: damaged}) & CODES)
                break
    assert all(planted.values()), planted
    assert all(found.values()), found


def test_a_network_is_the_same_for_the_same_seed(policies: ModuleType) -> None:
    assert policies.a_network(3) == policies.a_network(3)
    tools = {yaml.safe_load(policies.a_network(n))["network"]["firewall"] for n in range(8)}
    assert tools == {"iptables", "nftables"}
