"""Checks and proof have one idea of what is allowed, and nothing that is owed can be left out."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from meshc.diagnostics import Severity
from meshc.prefixes import Prefix
from meshc.topology.proof import NodeFile, prove
from meshc.wg.conf import Conf
from tests.support.random_topology import compiled
from tests.support.warned_topology import warned_topology

SEEDS = range(300)


@pytest.mark.slow(seconds=25)
def test_a_network_with_warnings_only_is_never_refused() -> None:
    """What fails then is a test that was made up, and nothing else."""
    judged = warned = 0
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
        judged += 1
        warned += bool({"W211", "W213", "W217", "W219", "W150"} & {one.code for one in found})
    assert judged > 100
    assert warned > 50


TOPOLOGY = """
meshc: 1
network: {name: x, addresses: [10.1.0.0/24, "fd00::/64"]}
nodes:
  hub: {role: relay, endpoint: hub.mesh.dev, exit_node: true, underlay: [ipv4, ipv6]}
  nas: {routes: 192.168.7.0/24}
  pc: {exit: hub}
  mac: {exit: hub, exit_except: private, platform: macos}
  tv: {}
tests:
  - {from: tv, to: 192.168.7.9, via: hub}
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
    "an exit": ("pc", narrowed("::/0"), "E414"),
    "an exit that something is left out of": ("mac", narrowed("8.0.0.0/7"), "E414"),
    "what is left out of an exit": ("mac", widened("192.168.8.0/24"), "E444"),
    "a test": ("tv", narrowed("192.168.7.0/24"), "E419"),
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
