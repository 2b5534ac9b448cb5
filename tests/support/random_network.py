"""Random networks with all that can be wrong: hooks, tables, marks, rules, tests, islands
and silences, on top of random topologies."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import yaml

from tests.support.random_topology import random_topology

POOL4, POOL6 = "10.44.0.0/24", "fd44::/64"
Node = dict[str, Any]


def random_network(rng: random.Random) -> dict[str, Any]:
    """As it would be written. Every node runs Linux or an app, and has a file."""
    data: dict[str, Any] = yaml.safe_load(random_topology(rng))
    nodes: dict[str, Node] = data["nodes"]
    for number, node in enumerate(nodes.values()):
        node.pop("managed", None)
        node.pop("public_key", None)
        if node.get("platform") in ("openwrt", "routeros"):
            del node["platform"]
        node["address"] = [f"10.44.0.{number + 10}"]
        if len(data["network"]["addresses"]) == 2:
            node["address"].append(f"fd44::{number + 10:x}")
    if not any(node.get("role") == "relay" for node in nodes.values()) or rng.random() < 0.6:
        _meeting_place(nodes)
    _silences(rng, data)
    if rng.random() < 0.5:
        for name in rng.sample(list(nodes), min(len(nodes), rng.randint(1, 2))):
            _spice(rng, data, name)
    if rng.random() < 0.25:
        _island(rng, data)
    if rng.random() < 0.4:
        data.setdefault("tests", []).extend(_test(rng, data) for _ in range(rng.randint(1, 2)))
    return data


def _meeting_place(nodes: dict[str, Node]) -> None:
    """A relay that all can use, and no exit that nobody reaches: without these, half of all random
    networks are refused before a file is made."""
    nodes["relay0"] = {
        "role": "relay",
        "endpoint": "relay0.mesh.dev",
        "address": ["10.44.0.9"],
        "exit_node": True,
    }
    for node in nodes.values():
        if "exit" in node:
            node["exit"] = "relay0"
    nodes["relay0"].pop("exit", None)


def _silences(rng: random.Random, data: dict[str, Any]) -> None:
    for node in data["nodes"].values():
        if rng.random() < 0.08:
            node["keepalive"] = rng.choice(("off", 60, 3600))
    for link in data.get("links", []):
        if rng.random() < 0.3:
            link.pop("direct")
            link["keepalive"] = rng.choice(("off", 40))


def _island(rng: random.Random, data: dict[str, Any]) -> None:
    """Some nodes without a way to the others, declared so, or not."""
    nodes = data["nodes"]
    some = rng.sample(list(nodes), rng.randint(2, max(2, len(nodes) // 3)))
    others = [name for name in nodes if name not in some]
    for name in some:
        nodes[name]["direct"] = [other for other in some if other != name]
        nodes[name].pop("via", None)
        nodes[name].pop("exit", None)
    if others and rng.random() < 0.7:
        data.setdefault("tests", []).append({"from": some, "to": others, "expect": "unreachable"})


def _test(rng: random.Random, data: dict[str, Any]) -> dict[str, Any]:
    names = list(data["nodes"])
    lans = [lan for node in data["nodes"].values() for lan in node.get("routes", ())]
    hosts = [lan.replace(".0/24", f".{rng.randint(2, 250)}") for lan in lans]
    test: dict[str, Any] = {
        "from": rng.choice((rng.choice(names), rng.sample(names, 2), rng.choice(hosts or names))),
        "to": rng.choice((rng.choice(names), rng.choice(hosts or names), "1.1.1.1", "8.8.8.8")),
    }
    if rng.random() < 0.3:
        test["expect"] = "unreachable"
    elif rng.random() < 0.2:
        relays = [name for name, node in data["nodes"].items() if node.get("role") == "relay"]
        test["via"] = rng.choice(("direct", [rng.choice(relays)] if relays else "direct"))
    return test


def _spice(rng: random.Random, data: dict[str, Any], name: str) -> None:
    """Something that people write by hand."""
    node = data["nodes"][name]
    if node.get("platform", "linux") != "linux":
        return
    other = rng.choice([one for one in data["nodes"].values() if one is not node])
    rng.choice(SPICES)(rng, node, other)


def _hook(node: Node, *lines: str, key: str = "post_up") -> None:
    node.setdefault(key, []).extend(lines)


def _line(*choices: str, key: str = "post_up") -> Callable[[random.Random, Node, Node], None]:
    """A hook in which THERE is another node's address, and HERE the node's own."""

    def spice(rng: random.Random, node: Node, other: Node) -> None:
        text = rng.choice(choices)
        text = text.replace("THERE", other["address"][0]).replace("HERE", node["address"][0])
        _hook(node, text, key=key)

    return spice


def _table(rng: random.Random, node: Node, other: Node) -> None:
    """Routes in a table of their own, and a rule that finds it, or not."""
    node["table"] = "200"
    selector = rng.choice(
        (
            f"to {POOL4}",
            f"to {POOL4}",
            f"from {node['address'][0]}",
            f"from {other['address'][0]}",
            "fwmark 7",
        )
    )
    _hook(node, f"ip rule add {selector} lookup 200")
    if rng.random() < 0.8:
        _hook(node, f"ip -6 rule add to {POOL6} lookup 200")


def _by_hand(rng: random.Random, node: Node, other: Node) -> None:
    node["table"] = "off"
    _hook(node, f"ip route add {POOL4} dev %i")
    if rng.random() < 0.7:
        _hook(node, f"ip -6 route add {POOL6} dev %i")


def _odd_table(rng: random.Random, node: Node, other: Node) -> None:
    if rng.random() < 0.5:
        node["table"] = rng.choice(("main", "off", "300"))
    else:
        node["fwmark"] = rng.choice((254, 51820, 7))


SPICES: tuple[Callable[[random.Random, Node, Node], None], ...] = (
    _table,
    _table,
    _by_hand,
    _odd_table,
    _line("echo up", "logger up", "resolvectl domain %i corp"),
    _line(
        "iptables -I INPUT -i %i -j DROP",
        "iptables -A INPUT -i %i -s THERE -j DROP",
        "iptables -I OUTPUT -o %i -d THERE -j REJECT",
        "ip6tables -I INPUT -i %i -j DROP",
        "iptables -P INPUT DROP",
    ),
    _line(
        "iptables -I FORWARD -i %i -s THERE -j DROP",
        "iptables -I FORWARD -o %i -d THERE -j DROP",
        "iptables -A FORWARD -i %i -j ACCEPT",
        "iptables -I FORWARD -i %i -j ACCEPT",
        "iptables -I FORWARD -p tcp -j DROP",
        "iptables -F FORWARD",
        "iptables -P FORWARD DROP",
    ),
    _line("iptables -I INPUT -i %i -p tcp -j DROP", "iptables -I OUTPUT -o %i -p udp -j REJECT"),
    _line(
        "iptables -t nat -A POSTROUTING -o %i -j MASQUERADE",
        "iptables -t nat -A PREROUTING -i %i -d THERE -j DNAT --to 192.168.99.1",
        "iptables -t mangle -A PREROUTING -i %i -j MARK --set-mark 7",
    ),
    _line("sysctl -w net.ipv4.ip_forward=0", "sysctl -w net.ipv6.conf.all.forwarding=0"),
    _line("nft flush ruleset", "false", "false || true", "exit 1", "ip link set %i down"),
    _line(f"ip route del {POOL4} dev %i", f"ip route del {POOL4} dev %i || true"),
    _line("ip route add 198.18.5.0/24 dev %i", "ip route add THERE/32 dev %i || true"),
    _line("ip rule add to THERE lookup 200", "ip rule add from HERE lookup 200"),
    _line("/usr/local/bin/tune %i", "tc qdisc add dev %i root fq"),
    _line("ip route add 10.99.0.0/16 dev %i", "echo before", key="pre_up"),
)
