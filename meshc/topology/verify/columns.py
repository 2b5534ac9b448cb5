"""All peer sections of all files as columns of numbers.

A full mesh of a thousand nodes has a million sections. Their values repeat (a node's prefixes are
the same in every file), so each different value gets a number once, and what is compared after
that are arrays.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from meshc.conf import Conf, HostPort, PeerConf
from meshc.keys import KEY_LENGTH, PublicKey
from meshc.prefixes import Prefix
from meshc.topology.verify.facts import Expectation, NodeFile
from meshc.topology.verify.station import Station, merged_peers
from meshc.topology.verify.walk import station_of

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]
Bytes = NDArray[np.uint8]

_T = TypeVar("_T")
NOBODY = -4  # a public key that no node has
_INT_COLUMNS: tuple[Literal[0, 1, 2, 3, 4], ...] = (0, 1, 2, 3, 4)
_NO_PSK = bytes(KEY_LENGTH)  # wg(8): a key of zeros is no key


class Numbering(Generic[_T]):
    """Gives equal values one number, counting from 0. Looks objects up by identity first:
    the reader shares equal values, and hashing a tuple of prefixes is slow."""

    def __init__(self) -> None:
        self.values: list[_T] = []
        self._by_value: dict[_T, int] = {}
        self._by_id: dict[int, int] = {}

    def numbers(self, values: Sequence[_T]) -> list[int]:
        known = self._by_id
        result = list(map(known.get, map(id, values)))
        if None not in result:
            return result  # type: ignore[return-value]
        return [
            self.number(value) if n is None else n for n, value in zip(result, values, strict=True)
        ]

    def number(self, value: _T) -> int:
        number = self._by_value.get(value)
        if number is None:
            number = self._by_value[value] = len(self.values)
            self.values.append(value)
        if self.values[number] is value:
            # only the object that is kept: another one's id could be given to a new object
            self._by_id[id(value)] = number
        return number


@dataclass(slots=True)
class Columns:
    """One row per [Peer] section, ordered by node and then as in its file.

    `start[n]:start[n + 1]` are the rows of node n. `to` is the node with the section's key, or
    NOBODY. `allowed` and `endpoint` are numbers into `allowed_sets` and `endpoints` (-1: none);
    `keepalive` is 0 for none. `stations` have lost their peers: they are told apart in here.
    """

    names: tuple[str, ...]
    stations: tuple[Station, ...]
    start: Longs
    to: Ints
    allowed: Ints
    endpoint: Ints
    keepalive: Ints
    line: Ints
    psk: Bytes
    allowed_sets: tuple[tuple[Prefix, ...], ...]
    endpoints: tuple[HostPort, ...]
    repeated: tuple[tuple[int, PublicKey], ...]
    host_bits: tuple[tuple[int, int, str], ...]
    twins: tuple[tuple[int, int], ...]
    files: tuple[str, ...]

    @property
    def frm(self) -> Ints:
        """The node of each row."""
        counts = np.diff(self.start)
        return np.repeat(np.arange(len(counts), dtype=np.int32), counts)


class _Rows:
    """The columns of one file after the other."""

    def __init__(self) -> None:
        self.keys: Numbering[PublicKey] = Numbering()
        self.sets: Numbering[tuple[Prefix, ...]] = Numbering()
        self.ends: Numbering[HostPort | None] = Numbering()
        self.ends.number(None)
        self.parts: list[tuple[Ints, Ints, Ints, Ints, Ints, Bytes]] = []
        self.repeated: list[tuple[int, PublicKey]] = []
        self.host_bits: list[tuple[int, int, str]] = []

    def add(self, node: int, peers: Sequence[PeerConf]) -> None:
        if not peers:
            none = np.zeros(0, np.int32)
            self.parts.append((none, none, none, none, none, np.zeros((0, KEY_LENGTH), np.uint8)))
            return
        keys, psks, allowed, endpoints, alive, _, lines, host_bits = zip(*peers, strict=True)
        if len(set(keys)) < len(keys):
            self.repeated += [(node, key) for key in dict.fromkeys(keys) if keys.count(key) > 1]
            self.add(node, list(merged_peers(peers).values()))
            return
        if any(host_bits):
            self.host_bits += [
                (node, lines[i], text) for i, texts in enumerate(host_bits) for text in texts
            ]
        psk = b"".join([_NO_PSK if key is None else key.raw for key in psks])
        self.parts.append(
            (
                np.array(self.keys.numbers(keys), np.int32),
                np.array(self.sets.numbers(allowed), np.int32),
                # number 0 is None, no endpoint
                np.array(self.ends.numbers(endpoints), np.int32) - 1,
                np.array([seconds or 0 for seconds in alive], np.int32),
                np.array(lines, np.int32),
                np.frombuffer(psk, np.uint8).reshape(-1, KEY_LENGTH),
            )
        )


def read_columns(files: Iterable[NodeFile], expectation: Expectation) -> Columns:
    """Takes the files one by one and keeps none of them.

    Nodes are numbered in the order of their names; a managed node without a file is left out.
    """
    rows: dict[str, int] = {}
    bare: dict[str, Conf] = {}
    table = _Rows()
    for file in files:
        if file.name not in expectation.nodes:
            continue
        rows[file.name] = len(table.parts)
        table.add(len(table.parts), file.conf.peers)
        bare[file.name] = replace(file.conf, peers=())
    stations = tuple(
        station_of(facts, bare.get(name))
        for name, facts in expectation.nodes.items()
        if name in bare or not facts.managed
    )
    names = tuple(station.name for station in stations)
    number_of_row = {rows[name]: n for n, name in enumerate(names) if name in rows}
    by_key, twins = _by_key(stations)
    to_of_key = np.array([by_key.get(key, NOBODY) for key in table.keys.values], np.int32)
    table.add(-1, ())
    parts = [table.parts[rows.get(name, -1)] for name in names] or table.parts[-1:]
    counts = [len(part[0]) for part in parts] if names else []
    keys, allowed, endpoint, keepalive, line = (
        np.concatenate([part[column] for part in parts]) for column in _INT_COLUMNS
    )
    psk = np.concatenate([part[-1] for part in parts])
    table.parts.clear()
    ends = tuple(end for end in table.ends.values if end is not None)
    return Columns(
        names=names,
        stations=stations,
        start=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        to=to_of_key[keys],
        allowed=allowed,
        endpoint=endpoint,
        keepalive=keepalive,
        line=line,
        psk=psk,
        allowed_sets=tuple(table.sets.values),
        endpoints=ends,
        repeated=tuple((number_of_row[row], key) for row, key in table.repeated),
        host_bits=tuple((number_of_row[r], line, text) for r, line, text in table.host_bits),
        twins=twins,
        files=tuple(bare[name].file if name in bare else "" for name in names),
    )


def _by_key(
    stations: Sequence[Station],
) -> tuple[dict[PublicKey, int], tuple[tuple[int, int], ...]]:
    """Nodes by public key, and pairs of nodes with the same one."""
    by_key: dict[PublicKey, int] = {}
    twins = []
    for n, station in enumerate(stations):
        if station.key is None:
            continue
        first = by_key.setdefault(station.key, n)
        if first != n:
            twins.append((first, n))
    return by_key, tuple(twins)
