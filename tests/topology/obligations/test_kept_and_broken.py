"""Checks and proof have one idea of what is allowed, and nothing that is owed can be left out."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import chain

import pytest
import yaml

from meshc.diagnostics import Severity
from meshc.prefixes import Prefix
from meshc.topology.obligations.due import Due
from meshc.topology.obligations.obligations import Obligations
from meshc.topology.proof import NodeFile, prove
from meshc.topology.proof.network_model import NetworkModel
from meshc.wg.conf import Conf
from tests.support.exchanges import Exchange, address_of, arrives, owed_in, without
from tests.support.random_topology import compiled, random_topology
from tests.support.warned_topology import warned_topology

SEEDS = range(300)


@pytest.mark.slow(seconds=25)
def test_a_network_with_warnings_only_is_never_refused_and_does_all_that_is_owed() -> None:
    """What fails then is a test that was made up, and nothing else."""
    judged = warned = 0
    musts: Counter[tuple[bool, bool]] = Counter()
    for seed in SEEDS:
        made = compiled(warned_topology(random.Random(seed)))
        if made is None:
            continue
        _, files, expected, found = made
        errors = [
            f"{one.code} {one.message}"
            for one in prove(files, expected).findings
            if one.severity is Severity.ERROR and one.code != "E419"
        ]
        assert (seed, errors) == (seed, [])
        rng = random.Random(seed)
        network = NetworkModel.build(files, expected)
        due = expected.obligations
        for exchange, owed in owed_in(due, rng):
            if owed.due is Due.MUST_REACH:
                assert arrives(network, due, exchange), (seed, exchange)
                musts[exchange.source.is_node, exchange.target.is_node] += 1
        judged += 1
        warned += bool({"W211", "W213", "W217", "W219", "W150"} & {one.code for one in found})
    assert judged > 100
    assert warned > 50
    assert musts[True, True] > 1000
    assert musts[True, False] > 200


@pytest.mark.slow(seconds=15)
def test_each_exchange_that_is_owed_can_be_broken_and_is_missed() -> None:
    """Nodes, LANs, exits and tests: AllowedIPs around one address are taken out of one file."""
    broken: Counter[tuple[str, str]] = Counter()
    for seed in range(80):
        rng = random.Random(seed)
        text = owing_topology(rng) if seed % 2 else random_topology(rng)
        made = compiled(text)
        if made is None:
            continue
        _, files, expected, _ = made
        due = expected.obligations
        owed = [one for one, what in owed_in(due, rng) if what.due is Due.MUST_REACH]
        rng.shuffle(owed)
        # two of each kind: those between nodes outnumber all others
        by_kind = {kind(one): [o for o in owed if kind(o) == kind(one)][:2] for one in owed}
        for exchange in chain.from_iterable(by_kind.values()):
            spoiled = spoil_one(files, due, exchange)
            if arrives(NetworkModel.build(spoiled, expected), due, exchange):
                continue  # the neighbour has no file, and is taken to find the way
            errors = {f.code for f in prove(spoiled, expected).findings if f.code[0] == "E"}
            assert errors, (seed, exchange)
            broken[kind(exchange)] += 1
    assert broken["node", "node"] > 40
    assert broken["node", "LAN"] > 30
    assert broken["node", "internet"] > 5
    assert broken["LAN", "node"] > 10


def kind(exchange: Exchange) -> tuple[str, str]:
    words = ["node" if p.is_node else "internet" if p.in_internet else "LAN" for p in exchange[:2]]
    return words[0], words[1]


def spoil_one(files: list[NodeFile], due: Obligations, one: Exchange) -> list[NodeFile]:
    """At the source, which then has no way there; or, when that has no file, at the other end."""
    at, address = one.source.node, address_of(due, one.target, one.family)
    if at not in due.files:
        at, address = one.target.node, address_of(due, one.source, one.family)
    return [
        file._replace(
            conf=without(file.conf, address),
            script=file.script and replace(file.script, conf=without(file.conf, address)),
        )
        if file.name == at
        else file
        for file in files
    ]


def owing_topology(rng: random.Random) -> str:
    """A random one in which exits have users, and tests ask for hosts on LANs as senders and
    targets."""
    data = yaml.safe_load(random_topology(rng))
    nodes = data["nodes"]
    routers = [node["routes"][0] for node in nodes.values() if "routes" in node]
    tests = data["tests"] = []
    for lan in routers:
        host = lan.replace(".0/24", f".{rng.randint(1, 254)}")
        tests.append({"from": host, "to": rng.choice(list(nodes))})
        tests.append({"from": rng.choice(list(nodes)), "to": host})
    return yaml.safe_dump(data)


TOPOLOGY = """
meshc: 1
network: {name: x, addresses: [10.1.0.0/24, "fd00::/64"]}
nodes:
  hub: {role: relay, endpoint: hub.mesh.dev, exit_node: true, underlay: [ipv4, ipv6]}
  nas: {routes: 192.168.7.0/24}
  pc: {exit: hub}
  mac: {exit: hub, exit_except: private, platform: macos}
  tv: {dns: nas}
tests:
  - {from: tv, to: 192.168.7.9, via: hub}
  - {from: 192.168.7.20, to: tv}
"""
Fault = Callable[[Conf], Conf]


def peers(conf: Conf, **changes: object) -> Conf:
    return replace(conf, peers=tuple(peer._replace(**changes) for peer in conf.peers))


def narrowed(gone: str) -> Fault:
    """AllowedIPs without everything inside of one prefix."""
    prefix = Prefix.parse(gone)

    def fault(conf: Conf) -> Conf:
        kept = [
            peer._replace(allowed_ips=tuple(p for p in peer.allowed_ips if not prefix.contains(p)))
            for peer in conf.peers
        ]
        return replace(conf, peers=tuple(kept))

    return fault


def no_line(word: str) -> Fault:
    """Hooks without those that hold a word."""

    def fault(conf: Conf) -> Conf:
        return replace(conf, post_up=tuple(line for line in conf.post_up if word not in line))

    return fault


def widened(more: str) -> Fault:
    return lambda conf: peers(conf, allowed_ips=(*conf.peers[0].allowed_ips, Prefix.parse(more)))


FAULTS: dict[str, tuple[str, Fault, str]] = {
    "a key": ("tv", lambda conf: replace(conf, private_key=None), "E451"),
    "an address": ("tv", lambda conf: replace(conf, addresses=conf.addresses[:1]), "E415"),
    "a file of its own": ("tv", lambda conf: replace(conf, save_config=True), "E452"),
    "an MTU that fits": ("tv", lambda conf: replace(conf, mtu=1500), "E417"),
    "a pair": ("tv", lambda conf: replace(conf, peers=()), "E404"),
    "a pair that must be awake": ("tv", lambda conf: peers(conf, keepalive=None), "E407"),
    "a relay": ("hub", lambda conf: replace(conf, pre_up=(), post_up=()), "E409"),
    "a LAN": ("hub", narrowed("192.168.7.0/24"), "E412"),
    "an exit in one family": ("pc", narrowed("::/0"), "E414"),
    "an exit in the other": ("pc", narrowed("0.0.0.0/0"), "E414"),
    "an exit that lets out": ("hub", no_line("MASQUERADE"), "E410"),
    "an exit that takes the answer": ("hub", no_line("ESTABLISHED"), "E409"),
    "an exit for those who ask": ("tv", widened("0.0.0.0/0"), "E442"),
    "a name server": ("tv", lambda conf: replace(conf, dns=()), "E454"),
    "an exit that something is left out of": ("mac", narrowed("8.0.0.0/7"), "E414"),
    "what is left out of an exit": ("mac", widened("192.168.8.0/24"), "E444"),
    "a test": ("tv", narrowed("192.168.7.0/24"), "E419"),
    "a test from a LAN": ("nas", no_line("-o %i"), "E419"),
}


def codes(spoil: Fault | None = None, name: str = "") -> set[str]:
    made = compiled(TOPOLOGY)
    assert made is not None
    _, files, expected, _ = made
    spoiled: list[NodeFile] = [
        file._replace(conf=spoil(file.conf)) if spoil and file.name == name else file
        for file in files
    ]
    return {one.code for one in prove(spoiled, expected).findings if one.code[0] == "E"}


def test_nothing_is_broken_as_it_was_built() -> None:
    assert codes() == set()


@pytest.mark.parametrize("owed", FAULTS)
def test_each_obligation_has_a_fault_that_breaks_it(owed: str) -> None:
    name, spoil, code = FAULTS[owed]
    assert code in codes(spoil, name)
