"""Build, import, build again: what the files of a network lose on the way, which should be
nothing. Both builds are read back; neither node.json nor the topology is looked at."""

from __future__ import annotations

import random
from collections.abc import Mapping

import yaml

from meshc.diagnostics import Diagnostics
from meshc.keys import NetworkSecret, PresharedKey
from meshc.prefixes import Prefix
from meshc.render.node_files import MeshRenderer, conf_path
from meshc.render.node_secrets import Secrets
from meshc.topology.importer import document, infer, with_comments
from meshc.topology.language.load import load_spec
from meshc.topology.language.spec import Platform
from meshc.topology.planner.addressing.lock import Lock
from meshc.topology.planner.analysis import analyse
from meshc.topology.planner.planning import plan_mesh
from meshc.wg.conf import Conf, parse
from meshc.wg.sleeping_peers import sleeping_peers
from tests.support.random_topology import random_topology
from tests.support.wire import private_key

SECRET = NetworkSecret(bytes(range(32)))
# of the internet and of what may be left out of it, one each
_TEXT = (
    "192.0.2.77 8.8.8.8 10.200.0.1 172.19.0.1 172.21.0.1 192.168.1.200 192.168.200.1 198.51.100.7 "
    "203.0.113.3 203.0.113.33 2001:db8:ffff::77 2001:db9::1 2600::77 fc12::7 fd45::7"
)
OUTSIDE = tuple(map(Prefix.host, _TEXT.split()))
# a router's file is a script, and an importer reads wg-quick files
_ROUTERS = frozenset({Platform.OPENWRT, Platform.ROUTEROS})


def built(text: str, given: Mapping[str, PresharedKey]) -> dict[str, str] | None:
    """The wg-quick file of every node by name; None when the network is refused."""
    found = Diagnostics()
    spec = load_spec(text, file="mesh.yaml", diagnostics=found)
    if spec is None or found.has_errors:
        return None
    # a partner's half of a link stands in no file of ours
    if any(node.platform in _ROUTERS or not node.managed for node in spec.nodes.values()):
        return None
    analysis = analyse(spec, Lock(), found)
    if found.has_errors:
        return None
    public = {
        name: n.public_key or private_key(name).public_key() for name, n in spec.nodes.items()
    }
    plan = plan_mesh(
        spec, analysis.graph, analysis.allocation, public, 1, found, routing=analysis.routing
    )
    private = {name: private_key(name) for name, node in spec.nodes.items() if node.managed}
    renderer = MeshRenderer(plan, Secrets(private, SECRET, given))
    files = {}
    for node in plan.nodes.values():
        for artifact in renderer.node(node):
            if artifact.path == conf_path(node):
                files[node.name] = artifact.content.reveal().decode()
    return files


def particular(rng: random.Random) -> str:
    """A random topology with keepalives and hooks of nodes' own."""
    data = yaml.safe_load(random_topology(rng))
    for number, node in enumerate(data["nodes"].values()):
        if rng.random() < 0.15:
            node["keepalive"] = rng.choice(("off", "off", 15))
        if "exit" in node and rng.random() < 0.3:
            node["kill_switch"] = True
        if rng.random() < 0.15 and node.get("managed", True) and "platform" not in node:
            node["post_up"] = [f"logger {number} is up", "sysctl -w net.core.rmem_max=1; echo %i"]
    for node in data["nodes"].values():
        if rng.random() < 0.1:
            node["always_on"] = rng.random() < 0.5
    return str(yaml.safe_dump(data, sort_keys=False))


def losses(seed: int) -> list[str] | None:
    """What differs after the way there and back, in words; None when the network is refused."""
    text = particular(random.Random(seed))
    before = built(text, {})
    if not before:
        return None
    confs = [
        with_comments(parse(one, file=f"{name}/wg0.conf"), one) for name, one in before.items()
    ]
    imported = infer(confs, Diagnostics())
    assert imported is not None
    again = document(imported, name="random")
    after = built(again, imported.preshared)
    if after is None:
        return [f"refused: {again}"]
    old = {name: parse(one) for name, one in before.items()}
    new = {name: parse(one) for name, one in after.items()}
    return [*_asleep(before, after), *_kept(old, new), *_paths(old, new)]


def _asleep(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Who may sleep, says a comment."""
    return [
        f"{name}: may sleep: {sorted(old)} {sorted(new)}"
        for name, text in before.items()
        if (old := sleeping_peers(text)) != (new := sleeping_peers(after.get(name, "")))
    ]


def _kept(old: Mapping[str, Conf], new: Mapping[str, Conf]) -> list[str]:
    if old.keys() != new.keys():
        return [f"nodes: {old.keys() ^ new.keys()}"]
    found = []
    for name, conf in old.items():
        for key in ("pre_up", "post_up", "pre_down", "post_down"):
            gone, more = getattr(conf, key), getattr(new[name], key)
            if gone != more:
                lost = [line for line in gone if line not in more]
                added = [line for line in more if line not in gone]
                found.append(f"{name}: {key}: lost {lost}, new {added or 'order'}")
        for key in ("private_key", "addresses", "dns", "search", "listen_port"):
            if getattr(conf, key) != getattr(new[name], key):
                found.append(f"{name}: {key}: {getattr(conf, key)} {getattr(new[name], key)}")
        a = {peer.public_key: peer for peer in conf.peers}
        b = {peer.public_key: peer for peer in new[name].peers}
        if a.keys() != b.keys():
            found.append(
                f"{name}: peers {[p.name for k, p in (a | b).items() if k in a.keys() ^ b]}"
            )
        for key in a.keys() & b.keys():
            for what in ("preshared_key", "keepalive", "endpoint"):
                if getattr(a[key], what) != getattr(b[key], what):
                    found.append(
                        f"{name}: {a[key].name}: {what}: {getattr(a[key], what)} "
                        f"{getattr(b[key], what)}"
                    )
    return found


def _paths(old: Mapping[str, Conf], new: Mapping[str, Conf]) -> list[str]:
    """Hop by hop, as the AllowedIPs of each file say; with every address, and the internet. Of
    several relays that are equally near another one may carry a pair."""
    relayed = (way for name in old for to in _hosts(old) if len(way := path(old, name, to)) > 2)
    several = len({way[1] for way in relayed}) > 1
    targets = _hosts(old) | set(OUTSIDE)
    found = []
    for name in old:
        for target in sorted(targets):
            before, after = path(old, name, target), path(new, name, target)
            if before != after and not (several and len(before) == len(after) > 2):
                found.append(f"{name} to {target}: {before} {after}")
    return found


def _hosts(confs: Mapping[str, Conf]) -> set[Prefix]:
    return {address.host for conf in confs.values() for address in conf.addresses}


def path(confs: Mapping[str, Conf], start: str, target: Prefix) -> list[str]:
    """The nodes that a packet passes; the slow obvious way."""
    owner = {
        conf.private_key.public_key(): name for name, conf in confs.items() if conf.private_key
    }
    way = [start]
    while len(way) < 12:
        conf = confs[way[-1]]
        if target in {address.host for address in conf.addresses}:
            return way
        matches = [
            (prefix.length, peer.public_key)
            for peer in conf.peers
            for prefix in peer.allowed_ips
            if prefix.contains(target)
        ]
        if not matches:
            return [*way, "out"]
        key = max(matches)[1]
        if key not in owner:
            return [*way, key]
        way.append(owner[key])
    return way
