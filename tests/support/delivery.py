"""Is a network refused and built for good reasons? What the compiler says of a random network,
against every packet of an independent walk."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from itertools import pairwise
from typing import Any

import yaml

from meshc.diagnostics import Diagnostics
from meshc.keys import NetworkSecret
from meshc.render.node_files import MeshRenderer, conf_path
from meshc.render.node_secrets import Secrets
from meshc.topology.language.load import load_spec
from meshc.topology.planner.addressing.lock_text import Lock
from meshc.topology.planner.analysis import analyse
from meshc.topology.planner.planning import plan_mesh
from meshc.topology.proof import NodeFile, expectation, prove
from meshc.wg.conf_reader import ConfReader
from tests.support.packet_machine import Address
from tests.support.packet_world import Fate, Packet, World, listed, underlay
from tests.support.random_network import random_network
from tests.support.wire import private_key
from tests.support.written_links import WrittenLinks

FAR = {4: ("1.1.1.1", "8.8.8.8"), 6: ("2606:4700:4700::1111",)}
OWN_LAN = frozenset({"W211", "W213", "W217", "W219"})
PROTOCOLS = ("icmp", "tcp", "udp")


@dataclass
class Case:
    """One network. `errors` and `warnings` are codes with their messages; `files` are what was, or
    would have been, emitted; None when it never came to that."""

    seed: int
    data: dict[str, Any]
    errors: list[tuple[str, str]]
    warnings: list[tuple[str, str]]
    files: dict[str, str] | None
    wrong: list[str] = field(default_factory=list)
    walked: int = 0

    @property
    def built(self) -> bool:
        return not self.errors

    def codes(self) -> set[str]:
        return {code for code, _ in (*self.errors, *self.warnings)}


def judge(seed: int) -> Case:
    """Compiles the network of a seed and walks it. `wrong` is where the two disagree."""
    case = compiled(seed, random_network(random.Random(seed)))
    if case.files is not None:
        world = World(case.files, case.data)
        lost = list(losses(world, case, random.Random(seed)))
        case.wrong = accepted(case, lost) if case.built else refused(world, case, lost)
        case.walked = world.walked
    else:
        case.wrong = impossible(case)
    return case


def compiled(seed: int, data: dict[str, Any]) -> Case:
    found = Diagnostics()
    files: dict[str, str] | None = None
    spec = load_spec(yaml.safe_dump(data, sort_keys=False), file="mesh.yaml", diagnostics=found)
    analysis = None if spec is None or found.has_errors else analyse(spec, Lock(), found)
    if spec is not None and analysis is not None and not found.has_errors:
        private = {name: private_key(name) for name in spec.nodes}
        public = {name: key.public_key() for name, key in private.items()}
        plan = plan_mesh(
            spec, analysis.graph, analysis.allocation, public, 1, found, routing=analysis.routing
        )
        secret = NetworkSecret(bytes(32)) if spec.network.preshared_keys else None
        renderer = MeshRenderer(plan, Secrets(private, secret))
        files = {
            node.name: artifact.content.reveal().decode()
            for node in plan.nodes.values()
            for artifact in renderer.node(node)
            if artifact.path == conf_path(node)
        }
        reader = ConfReader()
        confs = [NodeFile(n, reader.read(text, file=f"{n}/wg0.conf")) for n, text in files.items()]
        given = {n: tuple(a.host for a in p.addresses) for n, p in plan.nodes.items()}
        for one in prove(confs, expectation(spec, public_keys=public, addresses=given)).findings:
            found.extend([one])
    told = [(one.code, one.message) for one in found]
    errors = [one for one in told if one[0][0] == "E"]
    return Case(seed, data, errors, [one for one in told if one not in errors], files)


# --- what is owed, and what of it is lost


@dataclass(frozen=True)
class Loss:
    """`kind` is node, LAN, internet or leak; `fate` is that of the packet, or of its answer.
    `asleep` are the nodes on the way whose session only an answer can use, and that one arrives."""

    kind: str
    source: str
    target: str
    fate: Fate
    protocol: str = "icmp"
    asleep: tuple[str, str] | None = None

    def __str__(self) -> str:
        way = " → ".join(self.fate.path)
        return (
            f"{self.kind} {self.source} → {self.target} ({self.protocol}): {self.fate.why} [{way}]"
        )


def losses(world: World, case: Case, rng: random.Random) -> Iterator[Loss]:
    """Every exchange between nodes, to LANs and to the internet behind an exit, that fails."""
    for protocol in PROTOCOLS if "-p " in str(case.data) else PROTOCOLS[:1]:
        for name, machine in world.machines.items():
            for address in machine.addresses:
                for target, kind, end, out in _targets(world, name, address, rng):
                    yield from _lost(world, name, address, (target, kind, end, out), protocol)
    for name in world.machines:
        yield from _leaks(world, name)


Target = tuple[Address, str, str, str]


def _targets(world: World, name: str, address: Address, rng: random.Random) -> Iterator[Target]:
    family, node = address.version, world.nodes[name]
    for other, machine in world.machines.items():
        for there in machine.addresses:
            if other != name and there.version == family:
                yield there, "node", other, ""
        for lan in listed(world.nodes[other].get("routes")):
            net = ip_network(lan)
            host = net[rng.randint(1, 250)]
            if net.version == family and not _on_lan(world, name, host):
                yield host, "LAN", other, "LAN"
    if node.get("exit"):
        for text in FAR[family] if family in underlay(world.nodes[node["exit"]]) else ():
            if excepted(node, text):
                continue
            yield ip_address(text), "internet", node["exit"], "internet"


def excepted(node: Mapping[str, Any], text: str) -> bool:
    """Whether `exit_except` leaves an address of the internet out."""
    words = (word for word in listed(node.get("exit_except")) if word[0] in "0123456789abcdef")
    nets = (ip_network(word) for word in words if "." in word or ":" in word)
    return any(ip_address(text) in net for net in nets)


def _on_lan(world: World, name: str, host: Address) -> bool:
    """Whether its packets for the host never see the tunnel."""
    return any(host in lan for lan in world.machines[name].lans)


def _lost(
    world: World, name: str, address: Address, target: Target, protocol: str
) -> Iterator[Loss]:
    there, kind, end, out = target
    world.walked += 1
    fate = exchange(world, name, address, there, end, out, protocol)
    if fate.why:
        woken = None if out else _woken(world, name, Packet(address, there, answer=True), end)
        yield Loss(kind, name, f"{end}/{there}" if out else end, fate, protocol, woken)


def _woken(world: World, name: str, answer: Packet, end: str) -> tuple[str, str] | None:
    """Who answers what is owed no more than that: (other, sleeper) of the first such session."""
    fate = world.send(name, answer)
    if fate.why or fate.end != end or fate.out:
        return None
    machines = world.machines
    for one, other in pairwise(fate.path):
        if world.session(machines[one], machines[other], used=False) == "asleep":
            return one, other
    return None


def exchange(
    world: World,
    name: str,
    address: Address,
    there: Address,
    end: str,
    out: str,
    protocol: str = "icmp",
    *,
    inside: bool = True,
) -> Fate:
    """The fate of a packet or of its answer, whichever fails; that of the packet if none."""
    fate = world.send(name, Packet(address, there, protocol=protocol), inside=inside)
    if fate.why:
        return fate
    if fate.end != end or fate.out != out:
        return Fate(fate.path, f"it ends at {fate.end} {fate.out}")
    if out and not fate.masked and (out == "internet" or world.nodes[end].get("masquerade", True)):
        return Fate(fate.path, "no answer finds the way back: its source is not replaced")
    answer = Packet(there, address, answer=True, protocol=protocol)
    back = world.send(end, answer, inside=not out)
    home = "" if inside else "LAN"
    if back.why and not (back.out == home == "LAN" and back.end == name):
        return Fate(back.path, f"the answer: {back.why}", open=back.open)
    if back.end != name or back.out != home:
        return Fate(back.path, f"the answer ends at {back.end} {back.out}")
    return fate


def _leaks(world: World, name: str) -> Iterator[Loss]:
    """An exit user sends nothing to the internet beside the tunnel; others nothing into it."""
    node, machine = world.nodes[name], world.machines[name]
    if machine.down or machine.strange:
        return
    for family in (4, 6):
        own = next((a for a in machine.addresses if a.version == family), None)
        source = own or ip_address("0.0.0.0" if family == 4 else "::")
        for text in FAR[family]:
            far = ip_address(text)
            device = world.device(name, Packet(source, far))
            if node.get("exit") and excepted(node, text):
                if device == "wg0":
                    yield Loss("leak", name, text, Fate((name,), "was to stay beside the tunnel"))
                continue
            if node.get("exit") and device == "eth0":
                yield Loss("leak", name, text, Fate((name,), "leaves beside the tunnel"))
            if not node.get("exit") and device == "wg0":
                yield Loss("unasked", name, text, Fate((name,), "goes into the tunnel"))


# --- built


def accepted(case: Case, lost: list[Loss]) -> list[str]:
    """What is lost although the network was built, and nobody asked for it or was told."""
    codes = case.codes()
    wrong = []
    for loss in lost:
        if _declared(case.data, loss) or _chosen(case.data, loss):
            continue
        if "W443" in codes and (loss.fate.open or "-p " in loss.fate.why):
            continue
        if OWN_LAN & codes and _own_lan(loss):
            continue
        wrong.append(str(loss))
    return wrong


def _declared(data: Mapping[str, Any], loss: Loss) -> bool:
    """By a test; an exchange that is declared in one direction fails in both. Who is apart from its
    exit is still owed the internet behind it."""
    end, _, there = loss.target.partition("/")
    targets = {there} if loss.kind == "internet" else {end, there}
    for test in data.get("tests", ()):
        if test.get("expect") == "unreachable":
            ends = [{*map(str, listed(test[key]))} for key in ("from", "to")]
            for one, other in (ends, ends[::-1]):
                if loss.source in one and other & targets:
                    return True
    return False


def _chosen(data: Mapping[str, Any], loss: Loss) -> bool:
    """The one that is asleep was told so."""
    if "asleep" in loss.fate.why:
        other, sleeper = loss.fate.path[-2:]
    elif loss.asleep is not None and "the answer" not in loss.fate.why:
        other, sleeper = loss.asleep
    else:
        return False
    silent = ("off", False, 3600)
    for link in data.get("links", ()):
        if {*link["endpoints"]} == {other, sleeper} and "keepalive" in link:
            return link["keepalive"] in silent
    return data["nodes"][sleeper].get("keepalive", 25) in silent


def _own_lan(loss: Loss) -> bool:
    return "LAN" in loss.fate.why


# --- refused


def impossible(case: Case) -> list[str]:
    """Networks of which no file was ever made: the links that they would need cannot be."""
    links = WrittenLinks(case.data)
    wrong = []
    for code, message in case.errors:
        if code == "E202":
            user, exit_ = re.findall(r"'(\w+)'", message)[:2]
            ok = not links.linked(user, exit_)
        elif code == "E221":
            caller, called = re.findall(r"'(\w+)'", message)[:2]
            named = any(e in message for e in listed(case.data["nodes"][called].get("endpoint")))
            ok = (
                named
                and links.linked(caller, called)
                and "exit_except" in case.data["nodes"][caller]
            )
        else:
            ok = code in ("E200", "E205") and bool(links.apart())
        if not ok:
            wrong.append(f"refused for nothing: {code} {message}")
    return wrong


def refused(world: World, case: Case, lost: list[Loss]) -> list[str]:
    """Every error names something that the walk sees as well."""
    real = [loss for loss in lost if not (_declared(case.data, loss) or _chosen(case.data, loss))]
    wrong = []
    for code, message in case.errors:
        if code == "E440":
            ok = any(machine.down for machine in world.machines.values())
        elif code == "E441":
            ok = any(m.down or world.swallows(m.name) for m in world.machines.values())
        elif code == "E442":
            ok = any(loss.kind == "unasked" for loss in real)
        elif code == "E414":
            ok = any(loss.kind in ("leak", "internet") for loss in real)
        elif code == "E413":
            ok = any(map(world.swallows, world.machines))
        elif code == "E419":
            # tests are judged as if the hooks of E440 were mended
            broken = (test for test in case.data["tests"] if not holds(world, test))
            ok = "E440" in case.codes() or any(True for _ in broken)
        else:
            ok = any(loss.kind in ("node", "LAN", "internet") for loss in real)
        if not ok:
            wrong.append(f"refused for nothing: {code} {message}")
    return wrong


def holds(world: World, test: Mapping[str, Any]) -> bool:
    """One test, by the walk."""
    ends = [listed(test[key]) for key in ("from", "to")]
    tried = False
    for one in ends[0]:
        for other in ends[1]:
            for fate in _tried(world, str(one), str(other)):
                tried = True
                # what a node finds on its own LAN needs no tunnel
                lost = bool(fate.why) and not (fate.out == "LAN" and len(fate.path) == 1)
                if lost != (test.get("expect") == "unreachable"):
                    return False
                if "via" in test and not lost and not _via(fate, test["via"]):
                    return False
    return tried


def _via(fate: Fate, via: object) -> bool:
    wanted = () if via == "direct" else tuple(listed(via))
    between = fate.path[1:-1]
    return wanted in ((between, fate.path[1:]) if fate.out == "internet" else (between,))


def _tried(world: World, one: str, other: str) -> Iterator[Fate]:
    """Exchanges in every family that both ends have."""
    for name, address, inside in _ends(world, one):
        for end, there, node in _ends(world, other):
            if address.version != there.version or address == there:
                continue
            if not name or (not end and not inside):
                continue  # what a LAN does with the internet is not the network's business
            out = "" if node else "LAN" if end else "internet"
            end = end or str(world.nodes[name].get("exit", ""))
            yield exchange(world, name, address, there, end, out, inside=inside)


def _ends(world: World, text: str) -> Iterator[tuple[str, Address, bool]]:
    if text in world.machines:
        for address in world.machines[text].addresses:
            yield text, address, True
        return
    host = ip_address(text)
    behind = [
        name
        for name, node in world.nodes.items()
        if any(host in ip_network(lan) for lan in listed(node.get("routes")))
    ]
    yield behind[0] if behind else "", host, False
