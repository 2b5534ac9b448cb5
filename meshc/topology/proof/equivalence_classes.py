"""Equivalence classes of nodes: no packet can tell two of one class apart, one stands for all.

Two nodes are in one class when they have the same FIB, everyone has the same next hop to both
(themselves, when it is them), their sessions to the same neighbours have the same verdicts, and no
firewall rule, no fact and no declaration of `tests:` distinguishes them. Then swapping them changes
no step of any walk. Ten thousand leaves behind three relays are a few classes; in a full mesh each
node is its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np

from meshc.topology.proof.fib import Fib
from meshc.topology.proof.node_model import NodeModel
from meshc.topology.proof.peer_table import Ints, Longs
from meshc.topology.proof.session_table import SessionTable
from meshc.values import dataclass

_SELF = -9


@dataclass(slots=True)
class EquivalenceClasses:
    """`of[n]` is node n's class (-1: no address in this family), `size` the number of members,
    `first` and `second` two of them (the same one in a class of one)."""

    of: Ints
    size: Ints
    first: Ints
    second: Ints


def equivalence_classes(
    fib: Fib, sessions: SessionTable, models: tuple[NodeModel, ...], kinds: Ints
) -> EquivalenceClasses:
    """The classes of all nodes that have an address in this family; nodes of different `kinds`
    (declared apart from others) are not alike."""
    nodes = np.flatnonzero(fib.home >= 0)
    of = np.full(len(models), -1, np.int32)
    members: dict[object, list[int]] = {}
    # every class costs a column of rows; with as many rows as nodes there is nothing to gain
    alone = len(fib.peer) > max(16, len(nodes) // 2)
    columns = None if alone else _columns(fib, nodes)
    bundles = None if alone else _bundles(sessions, len(models), fib)
    for at, n in enumerate(nodes.tolist()):
        key: object = n
        if columns is not None and bundles is not None:
            alone_by_fact = models[n].conf is None or int(fib.home[n]) in fib.shared
            key = (
                int(fib.row_of[n]), columns[at], bundles[n], n if alone_by_fact else -1,
                *_facts(models[n]), int(fib.rules[fib.home[n]]), int(kinds[n]),
            )  # fmt: skip
        members.setdefault(key, []).append(n)
    for class_, nodes_of_it in enumerate(members.values()):
        of[nodes_of_it] = class_
    lists = list(members.values())
    return EquivalenceClasses(
        of=of,
        size=np.array([len(m) for m in lists], np.int32),
        first=np.array([m[0] for m in lists], np.int32),
        second=np.array([m[min(1, len(m) - 1)] for m in lists], np.int32),
    )


def class_pairs(
    classes: EquivalenceClasses, special: Longs, batch: int
) -> Iterator[tuple[int, Longs]]:
    """All ordered pairs of classes, some rows at a time: the first of these, and how many pairs of
    nodes each pair of classes stands for. Those in `special` (source * nodes + target) are not
    among these."""
    count = len(classes.size)
    rows = max(1, batch // max(count, 1))
    size = classes.size.astype(np.int64)
    nodes = max(len(classes.of), 1)
    source, target = classes.of[special // nodes], classes.of[special % nodes]
    for start in range(0, count, rows):
        some = size[start : start + rows]
        weight = some[:, None] * size
        at = np.arange(len(some))
        weight[at, at + start] -= some
        if len(special):
            here = (source >= start) & (source < start + len(some))
            place = (source[here].astype(np.int64) - start) * count + target[here]
            weight -= np.bincount(place, minlength=weight.size).reshape(weight.shape)
        yield start, weight


def _columns(fib: Fib, nodes: np.ndarray[tuple[int], np.dtype[np.intp]]) -> list[bytes]:
    """How everyone reaches each node, and whom everyone believes its packets come from."""
    homes = fib.home[nodes]
    result = []
    both = np.concatenate([fib.route[:, homes], fib.peer[:, homes]]).T.copy()
    both[both == nodes[:, None]] = _SELF
    for column in both:
        result.append(hashlib.blake2b(column.tobytes(), digest_size=16).digest())
    return result


def _bundles(sessions: SessionTable, nodes: int, fib: Fib) -> list[bytes]:
    """The neighbours of each node with the verdicts of both directions. Those that are exceptions
    in the FIB are left out: no packet that stands for others goes there."""
    frm, to = fib.pairs()
    left = ~np.isin(sessions.key, frm.astype(np.int64) * sessions.nodes + to)
    back = np.where(sessions.back >= 0, sessions.fault[sessions.back], -1)
    table = np.stack([sessions.to, sessions.fault, back], axis=1).astype(np.int32)[left]
    ends = np.searchsorted(sessions.frm[left], np.arange(nodes + 1))
    out = [
        hashlib.blake2b(table[ends[n] : ends[n + 1]].tobytes(), digest_size=16)
        for n in range(nodes)
    ]
    # those who list a node that does not list them
    for i in np.flatnonzero((sessions.back < 0) & left).tolist():
        out[sessions.to[i]].update(b"%d:%d;" % (sessions.frm[i], sessions.fault[i]))
    return [digest.digest() for digest in out]


def _facts(model: NodeModel) -> tuple[object, ...]:
    """What distinguishes a node beside its place in the network."""
    facts = model.facts
    # whom its rules tell apart is asked of every address: equal ones treat equal nodes alike
    forwarding: object = model.firewall.shape[2:]
    alone = facts.relay or facts.routes or facts.exit_node or not model.routing.plain
    if alone or model.effects.unjudged:
        forwarding = model.name
    return (forwarding, facts.lans, facts.exit, facts.exit_duty, model.conf and model.conf.mtu)
