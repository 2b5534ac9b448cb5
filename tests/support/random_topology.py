"""Random topology files: every feature of the language that changes who reaches whom."""

from __future__ import annotations

import random
from collections.abc import Mapping

import yaml

from meshc.diagnostics import Diagnostics
from meshc.keys import NetworkSecret
from meshc.render.node_files import MeshRenderer, conf_path
from meshc.render.node_secrets import Secrets
from meshc.topology.language.load import load_spec
from meshc.topology.planner.addressing.lock_text import Lock
from meshc.topology.planner.analysis import Analysis, analyse
from meshc.topology.planner.planning import plan_mesh
from meshc.topology.proof import Expectation, NodeFile, expectation, is_router_script, read_script
from meshc.wg.conf_reader import ConfReader
from tests.support.wire import private_key

NATS = ("none", "full_cone", "restricted", "port_restricted", "symmetric", "unknown")


def random_topology(rng: random.Random) -> str:
    """The text of a file; most are sound, some have pairs that cannot meet."""
    dual = rng.random() < 0.5
    sites = {f"site{i}": _site(rng, i) for i in range(rng.randint(0, 3))}
    relays = [f"relay{i}" for i in range(rng.choice((0, 1, 1, 1, 2, 2, 3)))]
    others = [f"node{i}" for i in range(rng.randint(2, 8))]
    nodes = {name: _relay(rng, i) for i, name in enumerate(relays)}
    for i, name in enumerate(others):
        nodes[name] = _node(rng, i, list(sites), relays)
    _exits(rng, nodes)
    data = {
        "meshc": 1,
        "network": {
            "name": "random",
            "addresses": ["10.44.0.0/24", "fd44::/64"] if dual else ["10.44.0.0/24"],
            "preshared_keys": rng.random() < 0.8,
        },
        "sites": sites,
        "nodes": nodes,
        "links": _links(rng, list(nodes)),
    }
    names = list(nodes)
    rng.shuffle(names)
    data["nodes"] = {name: nodes[name] for name in names}
    return yaml.safe_dump({k: v for k, v in data.items() if v}, sort_keys=False)


def _site(rng: random.Random, number: int) -> dict[str, object]:
    site: dict[str, object] = {"nat": rng.choice(NATS)}
    if rng.random() < 0.6:
        site["lan"] = [f"192.168.{number}.0/24"]
    return site


def _relay(rng: random.Random, number: int) -> dict[str, object]:
    node: dict[str, object] = {"role": "relay", "nat": rng.choice(("none", "full_cone", "unknown"))}
    ends = [f"relay{number}.example.org", f"198.51.100.{number + 1}", f"[2001:db8::{number + 1}]"]
    node["endpoint"] = rng.choice((ends[0], ends[1], [ends[1], ends[2]], f"{ends[1]}:4500"))
    if rng.random() < 0.2:
        node["exit_node"] = True
    if rng.random() < 0.1:
        node["routes"] = [f"172.16.{number}.0/24"]
    if rng.random() < 0.1:
        node["mtu"] = 1380
    router = rng.random()
    if router < 0.1:
        node["platform"] = "routeros" if router < 0.05 else "openwrt"
    return node


def _node(
    rng: random.Random, number: int, sites: list[str], relays: list[str]
) -> dict[str, object]:
    node: dict[str, object] = {}
    if sites and rng.random() < 0.6:
        node["site"] = rng.choice(sites)
        if rng.random() < 0.4:
            node["lan_endpoint"] = f"192.168.{node['site'][-1]}.{number + 10}"  # type: ignore[index]
    if rng.random() < 0.35:
        node["endpoint"] = rng.choice(
            (f"203.0.113.{number + 1}", f"203.0.113.{number + 1}:{4000 + number}",
             f"[2001:db8:1::{number + 1}]", f"node{number}.example.org")
        )  # fmt: skip
    if rng.random() < 0.5:
        node["nat"] = rng.choice(NATS)
    if rng.random() < 0.2:
        node["direct"] = rng.choice(("all", "relays", "relays"))
    if relays and rng.random() < 0.3:
        node["via"] = rng.sample(relays, rng.randint(1, len(relays)))
    if rng.random() < 0.25:
        node["routes"] = [f"172.20.{number}.0/24"]
        node["masquerade"] = rng.random() < 0.7
    if rng.random() < 0.1:
        node["underlay"] = [rng.choice(("ipv4", "ipv6"))]
    if rng.random() < 0.2:
        node["platform"] = rng.choice(("ios", "android", "macos", "windows"))
        node.pop("routes", None)
        node.pop("masquerade", None)
    elif rng.random() < 0.1:
        node["exit_node"] = True
    if rng.random() < 0.1:
        node.pop("lan_endpoint", None)
        node["managed"] = False
        node["public_key"] = str(private_key(f"node{number}").public_key())
    return node


def _exits(rng: random.Random, nodes: Mapping[str, dict[str, object]]) -> None:
    exits = [name for name, node in nodes.items() if node.get("exit_node")]
    for name, node in nodes.items():
        if exits and name not in exits and node.get("managed", True) and rng.random() < 0.2:
            node["exit"] = rng.choice(exits)
            if rng.random() < 0.5:
                node["exit_except"] = random_exceptions(rng)


def random_exceptions(rng: random.Random) -> list[str]:
    """Large and small, private and public, inside the network and outside, nested and alike."""
    words = [
        "private", "own_lan", "203.0.113.0/28", "198.51.100.7", "172.20.0.0/14", "10.44.0.16/28",
        "192.168.1.128/25", "8.0.0.0/7", "2001:db8::/32", "2600::/12", "fd44::/120",
    ]  # fmt: skip
    return rng.sample(words, rng.randint(1, 4))


def _links(rng: random.Random, names: list[str]) -> list[dict[str, object]]:
    pairs = {tuple(sorted(rng.sample(names, 2))) for _ in range(rng.choice((0, 0, 1, 2)))}
    return [{"endpoints": list(pair), "direct": False} for pair in sorted(pairs)]


def compiled(text: str) -> tuple[Analysis, list[NodeFile], Expectation, Diagnostics] | None:
    """The whole way from the text to files read back; None when a stage refuses it."""
    found = Diagnostics()
    spec = load_spec(text, file="mesh.yaml", diagnostics=found)
    if spec is None or found.has_errors:
        return None
    analysis = analyse(spec, Lock(), found)
    public = {name: private_key(name).public_key() for name in spec.nodes}
    if found.has_errors:
        return None
    plan = plan_mesh(
        spec, analysis.graph, analysis.allocation, public, 1, found, routing=analysis.routing
    )
    secret = NetworkSecret(bytes(range(32))) if spec.network.preshared_keys else None
    private = {name: private_key(name) for name, node in spec.nodes.items() if node.managed}
    renderer, reader = MeshRenderer(plan, Secrets(private, secret)), ConfReader()
    files = []
    for node in plan.nodes.values():
        artifacts = {artifact.path: artifact for artifact in renderer.node(node)}
        scripts = [path for path in artifacts if is_router_script(path)]
        for path in scripts or [path for path in artifacts if path == conf_path(node)]:
            text = artifacts[path].content.reveal().decode()
            script = read_script(text, file=path) if scripts else None
            conf = script.conf if script else reader.read(text, file=path)
            files.append(NodeFile(node.name, conf, script=script))
    addresses = {n: tuple(a.host for a in p.addresses) for n, p in plan.nodes.items()}
    return analysis, files, expectation(spec, public_keys=public, addresses=addresses), found
