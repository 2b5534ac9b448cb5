"""Short ways to write a `Spec` in tests of what comes after the language."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from meshc.diagnostics import Diagnostics, Location
from meshc.keys import PublicKey
from meshc.prefixes import Prefix, parse_address
from meshc.topology.language.spec import (
    Endpoint,
    LinkSpec,
    NetworkSpec,
    NodeSpec,
    Role,
    SiteSpec,
    Spec,
    TestSpec,
)
from meshc.topology.planner.addressing.allocation import Allocation, allocate
from meshc.topology.planner.addressing.lock_text import Lock
from meshc.topology.planner.links.mesh_graph import MeshGraph, build_graph
from meshc.topology.planner.mesh_plan import MeshPlan
from meshc.topology.planner.planning import plan_mesh

FILE = "mesh.yaml"


def endpoint(text: str) -> Endpoint:
    """`host`, `host:port`, `1.2.3.4:5` or `[v6]:port`."""
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        return Endpoint(host, int(port.lstrip(":") or 51820), 6)
    host, _, port = text.partition(":")
    family = 4 if host.replace(".", "").isdigit() else None
    if family:
        parse_address(host)
    return Endpoint(host, int(port or 51820), family)


def node(name: str, **keys: Any) -> NodeSpec:
    """A node; `relay`, `endpoint`, `address`, `routes` and `lan` take text. Line 0 is unknown.

    As by the resolver, its listen port is that of its LAN endpoint or of its endpoints, if given.
    """
    if keys.pop("relay", False):
        keys["role"] = Role.RELAY
    for key, field in (("endpoint", "endpoints"),):
        if key in keys:
            value = keys.pop(key)
            values = [value] if isinstance(value, str) else value
            keys[field] = tuple(endpoint(v) for v in values)
    if "lan" in keys:
        host, _, port = keys.pop("lan").partition(":")
        keys["lan_endpoint"] = Endpoint(host, int(port or 0), 4)
    if "address" in keys:
        keys["addresses"] = tuple(Prefix.host(a) for a in keys.pop("address").split())
    if isinstance(keys.get("routes"), str):
        keys["routes"] = tuple(Prefix.parse(p) for p in keys["routes"].split())
    given = [keys["lan_endpoint"]] if "lan_endpoint" in keys else []
    ports = [end.port for end in (*given, *keys.get("endpoints", ())) if end.port]
    keys.setdefault("listen_port", ports[0] if ports else None)
    return NodeSpec(name=name, **keys)


def spec(
    nodes: Iterable[NodeSpec],
    *,
    pools: str = "10.44.0.0/24",
    sites: Iterable[SiteSpec] = (),
    links: Iterable[LinkSpec] = (),
    tests: Iterable[TestSpec] = (),
    **network: Any,
) -> Spec:
    """A file in which node n begins at line 10 * n, so that findings have a place."""
    placed: dict[str, NodeSpec] = {}
    for place, item in enumerate(nodes, 1):
        locations = {"": Location(FILE, 10 * place, 3)}
        keys = ("address", "endpoint", "routes", "exit", "via", "lan_endpoint", "direct", "nat")
        locations |= {k: Location(FILE, 10 * place + n, 5) for n, k in enumerate(keys, 1)}
        placed[item.name] = _placed(item, locations)
    return Spec(
        network=NetworkSpec(
            name="test",
            pools=tuple(Prefix.parse(p) for p in pools.split()),
            locations={"addresses": Location(FILE, 3, 3)},
            **network,
        ),
        nodes=dict(sorted(placed.items())),
        sites={site.name: site for site in sites},
        groups={},
        links=tuple(links),
        tests=tuple(tests),
        file=FILE,
    )


def _placed(item: NodeSpec, locations: Mapping[str, Location]) -> NodeSpec:
    from dataclasses import replace

    return replace(item, locations=locations)


def key(name: str) -> PublicKey:
    """A well-formed public key that depends on the name."""
    raw = hashlib.sha256(name.encode()).digest()
    return PublicKey(base64.b64encode(raw).decode())


def keys(of: Spec) -> dict[str, PublicKey]:
    return {name: key(name) for name in of.nodes}


def graph(of: Spec) -> MeshGraph:
    """The graph of a spec without errors."""
    found = Diagnostics()
    made = build_graph(of, found)
    assert not found.has_errors, list(found)
    return made


def allocation(of: Spec, lock: Lock | None = None) -> Allocation:
    found = Diagnostics()
    made = allocate(of, graph(of), lock or Lock(), found)
    assert not found.has_errors, list(found)
    return made


def plan(of: Spec, lock: Lock | None = None) -> MeshPlan:
    """The plan of a spec without errors."""
    return plan_mesh(of, graph(of), allocation(of, lock), keys(of), 1, Diagnostics())
