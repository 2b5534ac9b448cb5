"""The peer table of the whole mesh: all [Peer] sections of all files as columns of numbers.

A full mesh of a thousand nodes has a million sections. Their values repeat (a node's prefixes are
the same in every file), so each different value gets a number once, and what is compared after
that are arrays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from meshc.keys import KEY_LENGTH, PublicKey
from meshc.prefixes import Prefix
from meshc.topology.proof.entry_columns import EntryColumns, EntryNumbers
from meshc.topology.proof.expectation import Expectation, NodeFile
from meshc.topology.proof.node_model import NodeModel, merged_peers, model_of
from meshc.topology.proof.rule_shapes import Shape, rule_shape
from meshc.topology.proof.unique_values import unique_values
from meshc.values import dataclass
from meshc.wg.conf import PeerConf
from meshc.wg.endpoint import Endpoint
from meshc.wg.peer_sections import PeerSection, PeerTable

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]
Bytes = NDArray[np.uint8]

_T = TypeVar("_T")
NOBODY = -4  # a public key that no node has
_NO_PSK = bytes(KEY_LENGTH)  # wg(8): a key of zeros is no key


class Numbering(Generic[_T]):
    """Gives equal values one number, counting from 0."""

    def __init__(self) -> None:
        self.values: list[_T] = []
        self._by_value: dict[_T, int] = {}

    def number(self, value: _T) -> int:
        number = self._by_value.setdefault(value, len(self.values))
        if number == len(self.values):
            self.values.append(value)
        return number


@dataclass(slots=True)
class MeshPeerTable:
    """One row per [Peer] section, ordered by node and then as in its file.

    `start[n]:start[n + 1]` are the rows of node n. `to` is the node with the section's key, or
    NOBODY. `allowed` and `endpoint` are numbers into `allowed_sets` and `endpoints` (-1: none);
    `entries` are the former as columns;
    `keepalive` is 0 for none. `models` have lost their peers: they are told apart in here.
    """

    names: tuple[str, ...]
    models: tuple[NodeModel, ...]
    start: Longs
    to: Ints
    allowed: Ints
    endpoint: Ints
    keepalive: Ints
    line: Ints
    psk: Bytes
    allowed_sets: tuple[tuple[Prefix, ...], ...]
    entries: EntryColumns
    endpoints: tuple[Endpoint, ...]
    repeated: tuple[tuple[int, PublicKey], ...]
    host_bits: tuple[tuple[int, int, str], ...]
    twins: tuple[tuple[int, int], ...]
    files: tuple[str, ...]

    @property
    def frm(self) -> Ints:
        """The node of each row."""
        counts = np.diff(self.start)
        return np.repeat(np.arange(len(counts), dtype=np.int32), counts)


class _Sections:
    """The sections of one file after the other.

    They are numbered: the k-th one seen has its values at `values[:][k]`, so that a file is a
    list of section numbers, and the columns are looked up from those at the end.
    """

    def __init__(self) -> None:
        self.keys: Numbering[PublicKey] = Numbering()
        self.sets: Numbering[tuple[Prefix, ...]] = Numbering()
        self.entries = EntryNumbers()
        self.ends: Numbering[Endpoint | None] = Numbering()
        self.ends.number(None)
        self.parts: list[tuple[Ints, Ints, bytes]] = []
        self.repeated: list[tuple[int, PublicKey]] = []
        self.host_bits: list[tuple[int, int, str]] = []
        self._values: tuple[list[int], list[int], list[int], list[int]] = ([], [], [], [])
        # of the reader whose tables come: what it knows, and by its numbers ours, the key, the
        # newlines, and whether there is more to tell; so many of these rows are filled
        self._known: Sequence[PeerSection] | None = None
        self._ours = np.zeros((4, 64), np.int32)
        self._learnt = 0

    def add_table(self, node: int, table: PeerTable) -> None:
        """A file whose sections are numbered already."""
        if self._known is None:
            self._known = table.known
        if self._known is not table.known:
            self.add(node, table.peers())
            return
        self._learn()
        numbers, keys, newlines, odd = self._ours[:, np.array(table.numbers, np.intp)]
        if odd.any() or len(unique_values(keys)) < len(keys):
            self.add(node, table.peers())
            return
        lines = table.line + np.cumsum(newlines, dtype=np.int32) - newlines
        self.parts.append((numbers.copy(), lines, table.secrets.reveal()))

    def add(self, node: int, peers: Sequence[PeerConf]) -> None:
        """A file as it was read, also with two sections of one key."""
        keys = [peer.public_key for peer in peers]
        if len(set(keys)) < len(keys):
            self.repeated += [(node, key) for key in dict.fromkeys(keys) if keys.count(key) > 1]
            self.add(node, list(merged_peers(peers).values()))
            return
        self.host_bits += [(node, peer.line, text) for peer in peers for text in peer.host_bits]
        numbers = [
            self._number(p.public_key, p.allowed_ips, p.endpoint, p.keepalive) for p in peers
        ]
        psks = [_NO_PSK if p.preshared_key is None else p.preshared_key.raw for p in peers]
        lines = np.array([peer.line for peer in peers], np.int32)
        self.parts.append((np.array(numbers, np.int32), lines, b"".join(psks)))

    def values(self, numbers: Ints) -> tuple[Ints, Ints, Ints, Ints]:
        """Key, allowed set, endpoint (-1 for none) and keepalive of these sections."""
        keys, sets, ends, alive = (np.array(column, np.int32)[numbers] for column in self._values)
        return keys, sets, ends - 1, alive

    def _learn(self) -> None:
        """Numbers what the reader has seen since."""
        assert self._known is not None
        while self._ours.shape[1] < len(self._known):
            self._ours = np.concatenate([self._ours, np.zeros_like(self._ours)], axis=1)
        for section in self._known[self._learnt :]:
            number = self._number(
                section.key, section.allowed_ips, section.endpoint, section.keepalive
            )
            key, odd = self._values[0][number], bool(section.host_bits)
            self._ours[:, self._learnt] = number, key, section.newlines, odd
            self._learnt += 1

    def _number(
        self,
        key: PublicKey,
        allowed: tuple[Prefix, ...],
        endpoint: Endpoint | None,
        keepalive: int | None,
    ) -> int:
        keys, sets, ends, alive = self._values
        keys.append(self.keys.number(key))
        sets.append(self.sets.number(allowed))
        if sets[-1] == len(self.entries):
            self.entries.add(allowed)
        ends.append(self.ends.number(endpoint))
        alive.append(keepalive or 0)
        return len(keys) - 1


def read_peer_table(files: Iterable[NodeFile], expectation: Expectation) -> MeshPeerTable:
    """Takes the files one by one and keeps none of them.

    Nodes are numbered in the order of their names; a managed node without a file is left out.
    """
    place: dict[str, int] = {}
    read: dict[str, NodeModel] = {}
    sections = _Sections()
    shapes: dict[Shape, NodeModel] = {}
    for file in files:
        facts = expectation.nodes.get(file.name)
        if facts is None:
            continue
        place[file.name] = len(sections.parts)
        if file.table is None:
            sections.add(len(sections.parts), file.conf.peers)
        else:
            sections.add_table(len(sections.parts), file.table)
        # at once: while the next file is written there is time
        model = model_of(facts, replace(file.conf, peers=()), file.script)
        if facts.policies and model.script is None:
            first = shapes.setdefault(_shape(model), model)
            model = model if first is model else replace(model, like=first)
        read[file.name] = model
    models = tuple(
        read.get(name) or model_of(facts, None)
        for name, facts in expectation.nodes.items()
        if name in read or not facts.managed
    )
    return _joined(sections, place, models)


def _shape(model: NodeModel) -> Shape:
    assert model.conf is not None, "was read from one"
    facts = model.facts
    return (*rule_shape(model.conf, model.own), facts.interface, facts.policies)


def _joined(
    sections: _Sections, place: Mapping[str, int], models: tuple[NodeModel, ...]
) -> MeshPeerTable:
    """The files in the order of their nodes; `place` is where each was read."""
    names = tuple(model.name for model in models)
    number_of = {place[name]: n for n, name in enumerate(names) if name in place}
    by_key, twins = _by_key(models)
    to_of_key = np.array([by_key.get(key, NOBODY) for key in sections.keys.values], np.int32)
    sections.add(-1, ())
    parts = [sections.parts[place.get(name, -1)] for name in names] or sections.parts[-1:]
    counts = [len(part[0]) for part in parts] if names else []
    numbers = np.concatenate([part[0] for part in parts])
    keys, allowed, endpoint, keepalive = sections.values(numbers)
    line = np.concatenate([part[1] for part in parts])
    secrets = b"".join([part[2] for part in parts])
    sections.parts.clear()
    return MeshPeerTable(
        names=names,
        models=models,
        start=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        to=to_of_key[keys],
        allowed=allowed,
        endpoint=endpoint,
        keepalive=keepalive,
        line=line,
        psk=np.frombuffer(secrets, np.uint8).reshape(-1, KEY_LENGTH),
        allowed_sets=tuple(sections.sets.values),
        entries=sections.entries.columns(),
        endpoints=tuple(end for end in sections.ends.values if end is not None),
        repeated=tuple((number_of[at], key) for at, key in sections.repeated),
        host_bits=tuple((number_of[at], line, text) for at, line, text in sections.host_bits),
        twins=twins,
        files=tuple(model.conf.file if model.conf else "" for model in models),
    )


def _by_key(
    models: Sequence[NodeModel],
) -> tuple[dict[PublicKey, int], tuple[tuple[int, int], ...]]:
    """Nodes by public key, and pairs of nodes with the same one."""
    by_key: dict[PublicKey, int] = {}
    twins = []
    for n, model in enumerate(models):
        if model.key is None:
            continue
        first = by_key.setdefault(model.key, n)
        if first != n:
            twins.append((first, n))
    return by_key, tuple(twins)
