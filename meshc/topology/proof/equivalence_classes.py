"""Nodes that no packet can tell apart, so that one of them is proven for all.

Two nodes are in one group when they have the same table, everyone has the same next hop to both
(themselves, when it is them), their sessions to the same neighbours have the same verdicts, and no
firewall rule and no fact distinguishes them. Then swapping them changes no step of any walk. Ten
thousand leaves behind three relays are a few groups; in a full mesh each node is its own.
"""

from __future__ import annotations

import hashlib

import numpy as np

from meshc.topology.proof.fib import Tables
from meshc.topology.proof.node_model import Station
from meshc.topology.proof.peer_table import Ints
from meshc.topology.proof.session_table import Edges
from meshc.values import dataclass

_SELF = -9


@dataclass(slots=True)
class Groups:
    """`of[n]` is node n's group (-1: no address in this family), `size` the number of members,
    `first` and `second` two of them (the same one in a group of one)."""

    of: Ints
    size: Ints
    first: Ints
    second: Ints


def group_nodes(tables: Tables, edges: Edges, stations: tuple[Station, ...]) -> Groups:
    """The groups of all nodes that have an address in this family."""
    nodes = np.flatnonzero(tables.home >= 0)
    of = np.full(len(stations), -1, np.int32)
    members: dict[object, list[int]] = {}
    # every group costs a column of rows; with as many rows as nodes there is nothing to gain
    alone = len(tables.peer) > max(16, len(nodes) // 2)
    columns = None if alone else _columns(tables, nodes)
    bundles = None if alone else _bundles(edges, len(stations), tables)
    for at, n in enumerate(nodes.tolist()):
        key: object = n
        if columns is not None and bundles is not None:
            alone_by_fact = stations[n].conf is None or int(tables.home[n]) in tables.shared
            key = (
                int(tables.row_of[n]), columns[at], bundles[n], n if alone_by_fact else -1,
                *_facts(stations[n]), int(tables.rules[tables.home[n]]),
            )  # fmt: skip
        members.setdefault(key, []).append(n)
    for group, nodes_of_it in enumerate(members.values()):
        of[nodes_of_it] = group
    lists = list(members.values())
    return Groups(
        of=of,
        size=np.array([len(m) for m in lists], np.int32),
        first=np.array([m[0] for m in lists], np.int32),
        second=np.array([m[min(1, len(m) - 1)] for m in lists], np.int32),
    )


def _columns(tables: Tables, nodes: np.ndarray[tuple[int], np.dtype[np.intp]]) -> list[bytes]:
    """How everyone reaches each node, and whom everyone believes its packets come from."""
    homes = tables.home[nodes]
    result = []
    both = np.concatenate([tables.route[:, homes], tables.peer[:, homes]]).T.copy()
    both[both == nodes[:, None]] = _SELF
    for column in both:
        result.append(hashlib.blake2b(column.tobytes(), digest_size=16).digest())
    return result


def _bundles(edges: Edges, nodes: int, tables: Tables) -> list[bytes]:
    """The neighbours of each node with the verdicts of both directions. Those that are exceptions
    in the tables are left out: no packet that stands for others goes there."""
    frm, to = tables.pairs()
    left = ~np.isin(edges.key, frm.astype(np.int64) * edges.nodes + to)
    back = np.where(edges.back >= 0, edges.fault[edges.back], -1)
    table = np.stack([edges.to, edges.fault, back], axis=1).astype(np.int32)[left]
    ends = np.searchsorted(edges.frm[left], np.arange(nodes + 1))
    out = [
        hashlib.blake2b(table[ends[n] : ends[n + 1]].tobytes(), digest_size=16)
        for n in range(nodes)
    ]
    # those who list a node that does not list them
    for i in np.flatnonzero((edges.back < 0) & left).tolist():
        out[edges.to[i]].update(b"%d:%d;" % (edges.frm[i], edges.fault[i]))
    return [digest.digest() for digest in out]


def _facts(station: Station) -> tuple[object, ...]:
    """What distinguishes a node beside its place in the network."""
    facts = station.facts
    forwarding: object = None
    if facts.relay or facts.routes or facts.exit_node or station.firewall.chains:
        forwarding = station.name
    return (forwarding, facts.lans, facts.exit, station.conf and station.conf.mtu)
