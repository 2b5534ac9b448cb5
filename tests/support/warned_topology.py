"""Random topologies full of what checks warn of: nested routes, equal LAN numbers, relays inside of
LANs, LANs over the pool, large MTUs, nodes that are silent by choice, and declared islands."""

from __future__ import annotations

import random

import yaml

LANS = ("192.168.0.0/16", "192.168.1.0/24", "192.168.1.0/25", "192.168.2.0/24", "172.20.4.0/22")
POOL_LANS = ("10.44.0.128/25", "10.44.0.0/16", "10.44.0.64/27")


def warned_topology(rng: random.Random) -> str:
    """The text of a file."""
    sites = {f"site{i}": _site(rng) for i in range(rng.randint(1, 3))}
    nodes = {f"relay{i}": _relay(rng, i, list(sites)) for i in range(rng.choice((1, 1, 2)))}
    nodes |= {f"node{i}": _node(rng, i, list(sites)) for i in range(rng.randint(2, 6))}
    network: dict[str, object] = {"name": "warned", "addresses": ["10.44.0.0/24"]}
    if rng.random() < 0.2:
        network["mtu"] = 8920
    links = [{"endpoints": ["node0", "relay0"], "keepalive": "off"}] if rng.random() < 0.3 else []
    data = {
        "meshc": 1,
        "network": network,
        "sites": sites,
        "nodes": nodes,
        "links": links,
        "tests": _tests(rng, nodes) if rng.random() < 0.5 else [],
    }
    return yaml.safe_dump({key: value for key, value in data.items() if value}, sort_keys=False)


def _site(rng: random.Random) -> dict[str, object]:
    lan = rng.choice(LANS if rng.random() < 0.8 else POOL_LANS)
    return {"nat": "unknown", "lan": [lan]}


def _relay(rng: random.Random, number: int, sites: list[str]) -> dict[str, object]:
    node: dict[str, object] = {"role": "relay", "endpoint": f"relay{number}.mesh.dev"}
    if rng.random() < 0.3:
        node["site"] = rng.choice(sites)
    if rng.random() < 0.2:
        node["routes"] = [rng.choice(LANS)]
    return node


def _node(rng: random.Random, number: int, sites: list[str]) -> dict[str, object]:
    node: dict[str, object] = {}
    if rng.random() < 0.5:
        node["site"] = rng.choice(sites)
    if rng.random() < 0.4:
        node["routes"] = [rng.choice(LANS)]
    if rng.random() < 0.2:
        node["keepalive"] = "off"
    if rng.random() < 0.2:
        node["direct"] = [rng.choice(("relay0", "node0", "node1"))]
    return node


def _tests(rng: random.Random, nodes: dict[str, dict[str, object]]) -> list[dict[str, object]]:
    """Who cannot be reached directly is declared apart from everybody that it does not list."""
    found: list[dict[str, object]] = []
    for name, node in nodes.items():
        if "direct" in node:
            others = [other for other in nodes if other != name and other not in node["direct"]]  # type: ignore[operator]
            found.append({"from": name, "to": others, "expect": "unreachable"})
    rng.shuffle(found)
    return found
