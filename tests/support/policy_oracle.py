"""Policies straight from the words of a file: slow, and nothing but loops.

`Oracle.allows` is what the section means, for one packet that begins a connection. It knows the
addresses that the nodes were given, and reads the rules as YAML has them.
"""

from __future__ import annotations

import random
from ipaddress import ip_address, ip_network
from typing import Any

# RFC 1918, 6598, 4193, 4291 and their kind: not the internet
NOT_THE_INTERNET = [
    *map(ip_network, ["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8"]),
    *map(ip_network, ["168.63.129.16/32", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"]),
    *map(ip_network, ["192.168.0.0/16", "224.0.0.0/3"]),
    *map(ip_network, ["::/64", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"]),
]


class Oracle:
    """`addresses` maps nodes to their addresses as text."""

    def __init__(self, tree: dict[str, Any], addresses: dict[str, list[str]]) -> None:
        self.tree = tree
        self.addresses = {name: [ip_address(a) for a in some] for name, some in addresses.items()}
        self.lans = {
            name: [ip_network(route) for route in _list((node or {}).get("routes", []))]
            for name, node in tree["nodes"].items()
        }
        self.pools = [ip_network(pool) for pool in _list(tree["network"]["addresses"])]

    def allows(self, source: str, target: str, protocol: str, port: int) -> bool:
        if "policies" not in self.tree:
            return True
        return any(
            self.is_one(rule["from"], source)
            and self.is_one(rule["to"], target)
            and not self.is_one(rule.get("except", []), source)
            and not self.is_one(rule.get("except", []), target)
            and any(_serves(word, protocol, port) for word in _list(rule.get("allow", "all")))
            for rule in self.tree["policies"]
        )

    def is_one(self, words: Any, address: str) -> bool:
        return any(self.means(word, address) for word in _list(words))

    def means(self, word: str, text: str) -> bool:
        address = ip_address(text)
        if word == "internet":
            lans = [lan for lans in self.lans.values() for lan in lans]
            return not any(address in net for net in (*NOT_THE_INTERNET, *self.pools, *lans))
        if word.endswith(":lan"):
            return self.behind(address) in self.names(word.removesuffix(":lan"))
        names = self.names(word)
        if names or word in self.tree.get("sites", {}):
            return any(address in self.addresses[name] for name in names)
        return address in ip_network(word)

    def names(self, word: str) -> list[str]:
        if word == "all":
            return list(self.tree["nodes"])
        if word in self.tree["nodes"]:
            return [word]
        if word in self.tree.get("groups", {}):
            return _list(self.tree["groups"][word])
        nodes = self.tree["nodes"].items()
        return [name for name, node in nodes if (node or {}).get("site") == word]

    def behind(self, address: Any) -> str | None:
        """Whose LAN it is: the narrowest one's; no LAN's when it is in a pool."""
        if any(address in pool for pool in self.pools):
            return None
        found = [(lan.prefixlen, name) for name, lans in self.lans.items() for lan in lans
                 if address in lan]  # fmt: skip
        return max(found)[1] if found else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [item.strip() for item in str(value).split(",")]


def _serves(word: str, protocol: str, port: int) -> bool:
    kind, _, ports = word.partition("/")
    if kind == "all":
        return True
    if kind != protocol:
        return False
    first, _, last = ports.partition("-")
    return not ports or int(first) <= port <= int(last or first)


def random_policies(seed: int, *, most: int = 7) -> dict[str, Any]:
    """A network with relays, leaves of several kinds, LANs, an exit and random rules."""
    rng = random.Random(seed)
    nodes: dict[str, Any] = {
        "hub": {"role": "relay", "endpoint": "198.51.100.1", "exit_node": rng.random() < 0.6},
    }
    if rng.random() < 0.4:
        nodes["mid"] = {"role": "relay", "endpoint": "198.51.100.2"}
    for name in "abcdef"[: rng.randint(3, 6)]:
        node: dict[str, Any] = {"site": rng.choice(["north", "south"])}
        if rng.random() < 0.3:
            node["platform"] = rng.choice(["ios", "windows", "macos"])
        elif rng.random() < 0.4:
            node["endpoint"] = f"198.51.100.{10 + ord(name)}"
        if "platform" not in node and rng.random() < 0.4:
            node["routes"] = f"192.168.{ord(name)}.0/24"
            node["masquerade"] = rng.random() < 0.5
        if nodes["hub"]["exit_node"] and rng.random() < 0.4:
            node["exit"] = "hub"
        nodes[name] = node
    tree: dict[str, Any] = {
        "meshc": 1,
        "network": {"name": "random", "addresses": ["10.44.0.0/24", "fd44::/64"]},
        "sites": {"north": {}, "south": {}},
        "nodes": nodes,
        "groups": {"g": sorted(rng.sample(sorted(nodes), 2)), "h": sorted(nodes)[:3]},
    }
    ends = ["all", "g", "h", "north", *nodes]
    for name, node in nodes.items():
        if "routes" in node:
            lan = node["routes"].removesuffix("0/24")
            ends += [f"{name}:lan", "all:lan", lan + "5", lan + "64/26"]
    tree["policies"] = [_rule(rng, ends) for _ in range(rng.randint(1, most))]
    return tree


def _rule(rng: random.Random, ends: list[str]) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "from": rng.sample(ends, rng.randint(1, 2)),
        "to": rng.sample([*ends, "internet"], rng.randint(1, 2)),
    }
    services = ["tcp/22", "tcp/80-90", "udp/53", "icmp", "tcp", "udp", "tcp/88-120"]
    if rng.random() < 0.7:
        rule["allow"] = rng.sample(services, rng.randint(1, 3))
    if rng.random() < 0.25:
        rule["except"] = rng.sample(ends, 1)
    return rule
