"""The session table: `session_rules` for every directed pair that lists each other, in arrays."""

from __future__ import annotations

import numpy as np

from meshc.topology.obligations.silence import LONGEST_SILENCE
from meshc.topology.proof.drop import LossReason
from meshc.topology.proof.expectation import Expectation
from meshc.topology.proof.node_model import NodeModel
from meshc.topology.proof.peer_table import NOBODY, Bools, Ints, Longs, MeshPeerTable
from meshc.topology.proof.session_rules import Reach, reach, reach_by
from meshc.topology.proof.sorted_index import SortedIndex, kinds
from meshc.values import dataclass

# codes of a session: 0 stands, the rest say why not
FAULTS: tuple[LossReason | None, ...] = (
    None,
    LossReason.OWN_KEY,
    LossReason.NOT_LISTED,
    LossReason.PRESHARED_KEY,
    LossReason.NO_ENDPOINT,
    LossReason.ASLEEP,
)
OWN_KEY, NOT_LISTED, PSK, NO_ENDPOINT, ASLEEP = range(1, 6)
_REACH = {Reach.NONE: 0, Reach.OPEN: 1, Reach.LAN: 2, Reach.FIXED: 3}
_OPEN, _LAN, _FIXED = 1, 2, 3
_CHUNK = 1 << 18


@dataclass(slots=True)
class SessionTable:
    """Directed pairs (`frm` lists `to`), sorted by `key` = frm * nodes + to.

    `row` is the section of each, -1 for one that a node without a file is taken to have. `back`
    is the index of the opposite session or -1; `reach` is what its own endpoint is worth; `fault`
    is an index into FAULTS.
    """

    nodes: int
    key: Longs
    index: SortedIndex
    frm: Ints
    to: Ints
    row: Longs
    back: Longs
    reach: Ints
    keepalive: Ints
    fault: Ints

    def find(self, frm: Ints, to: Ints) -> Longs:
        """The index of each pair's session, -1 where no file has one."""
        return self.index.find(frm.astype(np.int64) * self.nodes + to)


def judge_sessions(table: MeshPeerTable) -> SessionTable:
    """Finds the sessions of all files and why those that do not work do not.

    The table's pre-shared keys are needed for nothing else, and go: with two thousand nodes they
    are an eighth of a gigabyte.
    """
    nodes = len(table.names)
    frm, to, row = _pairs(table)
    key = frm.astype(np.int64) * nodes + to
    if len(key) > 1 and not bool((key[1:] > key[:-1]).all()):
        order = np.argsort(key, kind="stable")
        key, frm, to, row = key[order], frm[order], to[order], row[order]
    index = SortedIndex(key, nodes * nodes)
    back = index.find(to.astype(np.int64) * nodes + frm)
    same_psk = _same_psk(table, row, back)
    table.psk = table.psk[:0].copy()
    made = row < 0
    keepalive = np.where(made, 1, table.keepalive[row] if len(table.to) else 1)
    sessions = SessionTable(
        nodes=nodes,
        key=key,
        index=index,
        frm=frm,
        to=to,
        row=row,
        back=back,
        reach=_reaches(table, frm, to, row),
        keepalive=keepalive.astype(np.int32),
        fault=np.zeros(len(key), np.int32),
    )
    sessions.fault = _faults(sessions, same_psk)
    return sessions


def _pairs(table: MeshPeerTable) -> tuple[Ints, Ints, Longs]:
    """The sessions in the files, and those of nodes without a file back to whoever lists them."""
    frm = table.frm
    rows = np.flatnonzero(table.to != NOBODY)
    frm, to = frm[rows], table.to[rows]
    made = np.array([model.conf is None for model in table.models], bool)
    mirrored = np.flatnonzero(made[to]) if len(to) else np.zeros(0, np.int64)
    return (
        np.concatenate([frm, to[mirrored]]),
        np.concatenate([to, frm[mirrored]]),
        np.concatenate([rows, np.full(len(mirrored), -1)]).astype(np.int64),
    )


def _faults(sessions: SessionTable, same_psk: Bools) -> Ints:
    """The order of the tests is that of `session_fault`."""
    back = sessions.back
    there = back >= 0
    out = sessions.reach
    in_ = np.where(there, sessions.reach[back], 0)
    keeps = (sessions.keepalive > 0) & (sessions.keepalive <= LONGEST_SILENCE)
    awake = np.where(there, keeps[back], False)
    starts = (out == _OPEN) | (out == _LAN)
    started = (in_ == _OPEN) | (in_ == _LAN)
    fixed = (out == _FIXED) & (in_ == _FIXED)
    fault = np.where(fixed, np.where(awake, 0, ASLEEP), NO_ENDPOINT)
    fault = np.where(started, np.where(awake, 0, ASLEEP), fault)
    fault = np.where(starts, 0, fault)
    fault = np.where(same_psk, fault, PSK)
    fault = np.where(there, fault, NOT_LISTED)
    return np.where(sessions.frm == sessions.to, OWN_KEY, fault).astype(np.int32)


def _same_psk(table: MeshPeerTable, row: Longs, back: Longs) -> Bools:
    """Whether both sections have the same pre-shared key; a made session has what the other has."""
    same = np.ones(len(row), bool)
    psk = table.psk.view(np.int64)
    if not psk.any():
        return same
    # each link once, from its first session
    both = np.flatnonzero((back > np.arange(len(back))) & (row >= 0))
    both = both[row[back[both]] >= 0]
    for at in range(0, len(both), _CHUNK):
        part = both[at : at + _CHUNK]
        there = back[part]
        same[part] = same[there] = (psk[row[part]] == psk[row[there]]).all(axis=1)
    return same


def _reaches(table: MeshPeerTable, frm: Ints, to: Ints, row: Longs) -> Ints:
    """What each session's endpoint is worth, asked once per endpoint, receiver, underlay and
    whether both are in one site: nothing else of the sender matters to `reach_by`."""
    result = np.zeros(len(frm), np.int32)
    models = table.models
    for i in np.flatnonzero(row < 0):
        result[i] = _REACH[reach(models[frm[i]], models[to[i]])]
    if not len(table.to):
        return result
    site, underlay = _contexts(models)
    endpoint = np.where(row >= 0, table.endpoint[row], -1)
    asked = np.flatnonzero(endpoint >= 0)
    if not len(asked):
        return result
    same_site = (site[frm[asked]] == site[to[asked]]) & (site[to[asked]] >= 0)
    # four families of underlays, in one site or not
    some, context = kinds(underlay[frm[asked]] * 2 + same_site, 8)
    question = endpoint[asked].astype(np.int64) * len(models) + to[asked]
    size = len(table.endpoints) * len(models) * len(some)
    first, inverse = kinds(question * len(some) + context, size)
    answers = np.array(
        [
            _REACH[reach_by(table.endpoints[endpoint[i]], models[frm[i]], models[to[i]])]
            for i in asked[first]
        ],
        np.int32,
    )
    result[asked] = answers[inverse]
    return result


def _contexts(models: tuple[NodeModel, ...]) -> tuple[Ints, Ints]:
    """Numbers for each node's site (-1: none) and for the families of its underlay."""
    sites: dict[str, int] = {}
    site = [
        -1 if s.facts.site is None else sites.setdefault(s.facts.site, len(sites)) for s in models
    ]
    underlay = [(4 in s.facts.underlay) + 2 * (6 in s.facts.underlay) for s in models]
    return np.array(site, np.int32), np.array(underlay, np.int32)


def left_to_agents(
    table: MeshPeerTable, sessions: SessionTable, expectation: Expectation, i: int
) -> bool:
    """Whether a session owns nothing at both ends, and is there for two leaves' agents to begin; or
    stands at a relay alone, for a leaf without an agent that comes with another profile."""
    sides = [i] if sessions.back[i] < 0 else [i, int(sessions.back[i])]
    rows = sessions.row[sides]
    names = [table.names[int(at[i])] for at in (sessions.frm, sessions.to)]
    ends = [expectation.nodes[name] for name in names if name in expectation.nodes]
    if len(ends) != len(names) or (rows < 0).any() or (table.endpoint[rows] >= 0).any():
        return False
    if any(table.allowed_sets[number] for number in table.allowed[rows].tolist()):
        return False
    one, other = ends
    if len(sides) == 1:
        return one.relay and one.agent and not other.relay and not other.agent and other.managed
    return all(end.agent and not end.relay for end in ends)
