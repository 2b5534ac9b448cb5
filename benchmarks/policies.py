"""Random networks with random policies: what is built holds, and a planted fault is found.

    python benchmarks/policies.py 0 1000        # seeds; prints every disagreement
    python benchmarks/policies.py --routers 0 1000  # OpenWrt and RouterOS among the nodes
    python benchmarks/policies.py --cost 1000 200   # build with proof, with and without policies

The oracle of the tests reads the YAML a second time; the networks are those of
`tests/support/policy_oracle.py`. The quick form is `tests/topology/proof/test_access_findings.py`.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))

from meshc.build.check import check_text
from tests.support.policy_networks import (
    POLICY_CODES,
    faults_of,
    plant,
    policy_network,
    router_policies,
    same_packets,
)
from tests.support.policy_oracle import random_policies

# packets, one after the other, before a fault that is not found counts as one that changes nothing
TRIED = 30_000


def agreement(first: int, last: int, make: Callable[[int], dict[str, Any]]) -> int:
    wrong = missed = planted = harmless = 0
    begun = time.process_time()
    for seed in range(first, last):
        network = policy_network(make(seed))
        files = network.files()
        said = network.codes(files) & POLICY_CODES
        if said:
            wrong += 1
            print(f"seed {seed}: what is built does not hold: {sorted(said)}", flush=True)
            continue
        rng = random.Random(seed)
        wishes = [(name, fault) for name in sorted(files) for fault in faults_of(files[name])]
        if wishes:
            planted += 1
            node, fault = rng.choice(wishes)
            text = plant(files[node], fault, rng)
            if network.codes(files | {node: text}) & POLICY_CODES:
                continue
            models = (network.model(node, files[node]), network.model(node, text))
            if same_packets(*models, rng, TRIED):
                harmless += 1
            else:
                missed += 1
                print(f"seed {seed}: {node}: {fault[0]!r} → {fault[1]!r} was not found", flush=True)
    each = (time.process_time() - begun) / max(last - first, 1)
    print(
        f"{last - first} networks, {each:.2f} s each: {wrong} wrong; "
        f"{planted} faults planted, {harmless} of them changed nothing, {missed} missed"
    )
    return 1 if wrong or missed else 0


def company(nodes: int, rules: int) -> dict[str, Any]:
    """Relays, leaves in groups of twenty, and rules between groups."""
    rng = random.Random(1)
    leaves = [f"n{n:04}" for n in range(nodes - 3)]
    relays = {f"r{n}": {"role": "relay", "endpoint": f"198.51.100.{n + 1}"} for n in range(3)}
    groups = {f"g{n}": leaves[n * 20 : n * 20 + 20] for n in range((len(leaves) + 19) // 20)}
    names = sorted(groups)
    policies = [
        {"from": rng.choice(names), "to": rng.choice(names), "allow": f"tcp/{rng.randint(1, 9000)}"}
        for _ in range(rules)
    ]
    return {
        "meshc": 1,
        "network": {"name": "cost", "addresses": "10.0.0.0/16"},
        "nodes": {**relays, **{name: {} for name in leaves}},
        "groups": groups,
        "policies": policies,
    }


def cost(nodes: int, rules: int) -> int:
    tree = company(nodes, rules)
    free = {key: value for key, value in tree.items() if key != "policies"}
    seconds = {"with": 0.0, "without": 0.0}
    for _ in range(2):
        for name, one in (("without", free), ("with", tree)):
            text = yaml.safe_dump(one).encode()
            begun = time.process_time()
            found = check_text(text, file="mesh.yaml", proof=True).findings
            seconds[name] += time.process_time() - begun
            assert not [f for f in found if f.code[0] == "E"], [f.message for f in found][:3]
    ratio = seconds["with"] / seconds["without"]
    print(f"{nodes} nodes, {rules} rules: {seconds}, {ratio:.2f} times")
    return 0


if __name__ == "__main__":
    words = sys.argv[1:]
    if words[:1] == ["--cost"]:
        sys.exit(cost(*map(int, words[1:3])))
    make = router_policies if words[:1] == ["--routers"] else random_policies
    sys.exit(agreement(*map(int, words[-2:]), make))
