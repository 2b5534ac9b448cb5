"""Which sessions stand: `session.py` for every directed pair that lists each other, in arrays."""

from __future__ import annotations

import numpy as np

from meshc.topology.proof.drop import Reason
from meshc.topology.proof.node_model import Station
from meshc.topology.proof.peer_table import NOBODY, Bools, Columns, Ints, Longs
from meshc.topology.proof.positions import Positions, kinds
from meshc.topology.proof.session_rules import Reach, reach, reach_by
from meshc.values import dataclass

# codes of an edge: 0 stands, the rest say why not
FAULTS: tuple[Reason | None, ...] = (
    None,
    Reason.OWN_KEY,
    Reason.NOT_LISTED,
    Reason.PRESHARED_KEY,
    Reason.NO_ENDPOINT,
    Reason.ASLEEP,
)
OWN_KEY, NOT_LISTED, PSK, NO_ENDPOINT, ASLEEP = range(1, 6)
_REACH = {Reach.NONE: 0, Reach.OPEN: 1, Reach.LAN: 2, Reach.FIXED: 3}
_OPEN, _LAN, _FIXED = 1, 2, 3
_CHUNK = 1 << 18


@dataclass(slots=True)
class Edges:
    """Directed pairs (`frm` lists `to`), sorted by `key` = frm * nodes + to.

    `row` is the section of each, -1 for one that a node without a file is taken to have. `back`
    is the index of the opposite edge or -1; `reach` is what its own endpoint is worth; `fault`
    is an index into FAULTS.
    """

    nodes: int
    key: Longs
    positions: Positions
    frm: Ints
    to: Ints
    row: Longs
    back: Longs
    reach: Ints
    keepalive: Ints
    fault: Ints

    def find(self, frm: Ints, to: Ints) -> Longs:
        """The index of each pair; every pair must be an edge."""
        return self.positions.find(frm.astype(np.int64) * self.nodes + to)


def judge_edges(columns: Columns) -> Edges:
    """Finds the edges of all files and why those that do not work do not."""
    nodes = len(columns.names)
    frm, to, row = _pairs(columns)
    key = frm.astype(np.int64) * nodes + to
    if len(key) > 1 and not bool((key[1:] > key[:-1]).all()):
        order = np.argsort(key, kind="stable")
        key, frm, to, row = key[order], frm[order], to[order], row[order]
    opposite = to.astype(np.int64) * nodes + frm
    positions = Positions(key, nodes * nodes)
    back = positions.find(opposite)
    made = row < 0
    keepalive = np.where(made, 1, columns.keepalive[row] if len(columns.to) else 1)
    edges = Edges(
        nodes=nodes,
        key=key,
        positions=positions,
        frm=frm,
        to=to,
        row=row,
        back=back,
        reach=_reaches(columns, frm, to, row),
        keepalive=keepalive.astype(np.int32),
        fault=np.zeros(len(key), np.int32),
    )
    edges.fault = _faults(edges, _same_psk(columns, edges))
    return edges


def _pairs(columns: Columns) -> tuple[Ints, Ints, Longs]:
    """The edges in the files, and those of nodes without a file back to whoever lists them."""
    frm = columns.frm
    rows = np.flatnonzero(columns.to != NOBODY)
    frm, to = frm[rows], columns.to[rows]
    made = np.array([station.conf is None for station in columns.stations], bool)
    mirrored = np.flatnonzero(made[to]) if len(to) else np.zeros(0, np.int64)
    return (
        np.concatenate([frm, to[mirrored]]),
        np.concatenate([to, frm[mirrored]]),
        np.concatenate([rows, np.full(len(mirrored), -1)]).astype(np.int64),
    )


def _faults(edges: Edges, same_psk: Bools) -> Ints:
    """The order of the tests is that of `session_fault`."""
    back = edges.back
    there = back >= 0
    out = edges.reach
    in_ = np.where(there, edges.reach[back], 0)
    awake = np.where(there, edges.keepalive[back] > 0, False)
    starts = (out == _OPEN) | (out == _LAN)
    started = (in_ == _OPEN) | (in_ == _LAN)
    fixed = (out == _FIXED) & (in_ == _FIXED)
    both = awake & (edges.keepalive > 0)
    fault = np.where(fixed, np.where(both, 0, ASLEEP), NO_ENDPOINT)
    fault = np.where(started, np.where(awake, 0, ASLEEP), fault)
    fault = np.where(starts, 0, fault)
    fault = np.where(same_psk, fault, PSK)
    fault = np.where(there, fault, NOT_LISTED)
    return np.where(edges.frm == edges.to, OWN_KEY, fault).astype(np.int32)


def _same_psk(columns: Columns, edges: Edges) -> Bools:
    """Whether both sections have the same pre-shared key; a made edge has what the other has."""
    same = np.ones(len(edges.key), bool)
    if not columns.psk.any():
        return same
    both = np.flatnonzero((edges.back >= 0) & (edges.row >= 0))
    both = both[edges.row[edges.back[both]] >= 0]
    for at in range(0, len(both), _CHUNK):
        part = both[at : at + _CHUNK]
        ours = columns.psk[edges.row[part]]
        theirs = columns.psk[edges.row[edges.back[part]]]
        same[part] = (ours.view(np.int64) == theirs.view(np.int64)).all(axis=1)
    return same


def _reaches(columns: Columns, frm: Ints, to: Ints, row: Longs) -> Ints:
    """What each edge's endpoint is worth, asked once per endpoint, receiver, underlay and
    whether both are in one site: nothing else of the sender matters to `reach_by`."""
    result = np.zeros(len(frm), np.int32)
    stations = columns.stations
    for i in np.flatnonzero(row < 0):
        result[i] = _REACH[reach(stations[frm[i]], stations[to[i]])]
    if not len(columns.to):
        return result
    site, underlay = _contexts(stations)
    endpoint = np.where(row >= 0, columns.endpoint[row], -1)
    asked = np.flatnonzero(endpoint >= 0)
    if not len(asked):
        return result
    same_site = (site[frm[asked]] == site[to[asked]]) & (site[to[asked]] >= 0)
    # four families of underlays, in one site or not
    some, context = kinds(underlay[frm[asked]] * 2 + same_site, 8)
    question = endpoint[asked].astype(np.int64) * len(stations) + to[asked]
    size = len(columns.endpoints) * len(stations) * len(some)
    first, inverse = kinds(question * len(some) + context, size)
    answers = np.array(
        [
            _REACH[reach_by(columns.endpoints[endpoint[i]], stations[frm[i]], stations[to[i]])]
            for i in asked[first]
        ],
        np.int32,
    )
    result[asked] = answers[inverse]
    return result


def _contexts(stations: tuple[Station, ...]) -> tuple[Ints, Ints]:
    """Numbers for each node's site (-1: none) and for the families of its underlay."""
    sites: dict[str, int] = {}
    site = [
        -1 if s.facts.site is None else sites.setdefault(s.facts.site, len(sites)) for s in stations
    ]
    underlay = [(4 in s.facts.underlay) + 2 * (6 in s.facts.underlay) for s in stations]
    return np.array(site, np.int32), np.array(underlay, np.int32)
