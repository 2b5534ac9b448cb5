"""Findings about duties: what the topology says must stand in every file, and does not."""

from __future__ import annotations

import numpy as np

from meshc.diagnostics import Diagnostics, Location
from meshc.prefixes import Prefix
from meshc.topology.obligations.file_duty import FileDuty, KeyPlace
from meshc.topology.proof.expectation import Expectation, literal_family
from meshc.topology.proof.node_model import NodeModel
from meshc.topology.proof.peer_table import MeshPeerTable
from meshc.wg.overhead import LEAST_IPV6_MTU, OVERHEAD


def check_duties(table: MeshPeerTable, expectation: Expectation, found: Diagnostics) -> None:
    """A missing key or address would else make the claim smaller instead of breaking it."""
    _mtu(table, expectation, found)
    obligations = expectation.obligations
    for model in table.models:
        duty = obligations.files.get(model.name)
        if duty is None or model.conf is None:
            continue
        _key(model, duty, found)
        _addresses(model, duty, obligations.families, found)
        _servers(model, duty, found)
        if model.conf.save_config:
            found.add(
                "E452",
                f"{model.name}: SaveConfig is on, so that `wg-quick down` writes over this file",
                Location(model.conf.file, 1, 1),
                path=f"nodes.{model.name}",
                hint="take the line out; what the interface has learned is no configuration",
            )


def _key(model: NodeModel, duty: FileDuty, found: Diagnostics) -> None:
    conf = model.conf
    assert conf is not None, "only called for nodes with a file"
    if duty.key is KeyPlace.DEVICE or conf.private_key is not None:
        return
    if duty.key is KeyPlace.HOOK and (
        # a router's script fetches it in a way of its own
        model.script is not None
        or any("private-key" in line for line in (*conf.pre_up, *conf.post_up))
    ):
        return
    found.add(
        "E451",
        f"{model.name}: its file lacks {duty.key.value}, so that it shakes hands with nobody",
        Location(conf.file, 1, 1),
        path=f"nodes.{model.name}",
        hint="build again: the key is kept in keys/",
    )


def _addresses(
    model: NodeModel, duty: FileDuty, families: tuple[int, ...], found: Diagnostics
) -> None:
    if not model.own:
        return  # a finding already
    conf = model.conf
    assert conf is not None, "only called for nodes with a file"
    lacking = [str(a.address) for a in duty.addresses if a not in model.own]
    if not duty.addresses:
        lacking = [f"of IPv{f}" for f in families if model.address(f) is None]
    if lacking:
        found.add(
            "E415",
            f"{model.name}: its file lacks the address {' and '.join(lacking)}",
            Location(conf.file, 1, 1),
            path=f"nodes.{model.name}",
            hint="build again: every node has one address in each family of the pools",
        )


def _servers(model: NodeModel, duty: FileDuty, found: Diagnostics) -> None:
    conf = model.conf
    assert conf is not None, "only called for nodes with a file"
    asked = {Prefix.host(text) for text in conf.dns}
    lacking = [server.address for server in duty.servers if server not in asked]
    if lacking:
        found.add(
            "E454",
            f"{model.name}: its file lacks the name server {' and '.join(lacking)}",
            Location(conf.file, 1, 1),
            path=f"nodes.{model.name}.dns",
            hint="build again, or take it out of `dns` in the topology",
        )


def _mtu(table: MeshPeerTable, expectation: Expectation, found: Diagnostics) -> None:
    """Too large for the underlay (unless the topology asks for it, see W150), or too small for
    IPv6."""
    six = np.array([literal_family(end.host) == 6 for end in table.endpoints], bool)
    ways = np.array([model.facts.uplink_mtu for model in table.models], np.int64)
    for n, model in enumerate(table.models):
        conf = model.conf
        if conf is None or conf.mtu is None:
            continue
        rows = slice(int(table.start[n]), int(table.start[n + 1]))
        ends, to = table.endpoint[rows], table.to[rows]
        overhead = OVERHEAD[6 if six.any() and six[ends[ends >= 0]].any() else 4]
        # a packet passes both ways to the internet: its sender's and its receiver's
        way = int(min(ways[n], ways[to[to >= 0]].min(initial=ways[n])))
        place = Location(table.files[n], 1, 1)
        duty = expectation.obligations.files.get(model.name)
        asked = duty is not None and duty.mtu == conf.mtu
        if conf.mtu > way - overhead and not asked:
            found.add(
                "E417",
                f"{model.name}: MTU {conf.mtu} does not fit: {way} less {overhead} "
                f"for the tunnel is {way - overhead}",
                place,
                path=f"nodes.{model.name}.mtu",
                hint="`mtu: auto` finds the right one",
            )
        if conf.mtu < LEAST_IPV6_MTU and any(p.family == 6 for p in model.own):
            found.add(
                "E417",
                f"{model.name}: with an MTU of {conf.mtu} its IPv6 does not work: "
                f"{LEAST_IPV6_MTU} is the least",
                place,
                path=f"nodes.{model.name}.mtu",
                hint="RFC 8200 section 5; raise it or leave IPv6 out",
            )
