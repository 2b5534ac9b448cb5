"""Random topologies in which most nodes use an exit, and leave something out."""

from __future__ import annotations

import random

import yaml

from tests.support.random_topology import random_exceptions, random_topology


def random_exits(rng: random.Random) -> str:
    """The text of a file. Exits are relays with an address: most others could not be used."""
    data = yaml.safe_load(random_topology(rng))
    exits = [name for name in data["nodes"] if name.startswith("relay")]
    for name in exits:
        number = int(name.removeprefix("relay")) + 1
        data["nodes"][name] = {
            "role": "relay",
            "endpoint": [f"198.51.100.{number}", f"[2001:db8::{number}]"],
            "exit_node": True,
        }
    for name, node in data["nodes"].items():
        if name in exits:
            continue
        for key in ("endpoint", "exit", "exit_except", "exit_node"):
            node.pop(key, None)
        if exits and rng.random() < 0.8:
            node["exit"] = rng.choice(exits)
            node["exit_except"] = random_exceptions(rng)
    return yaml.safe_dump(data, sort_keys=False)
