"""Packets to addresses that are no node's: LANs behind routers, the internet behind an exit, and
addresses of the pools that nobody has."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from meshc.prefixes import Prefix, address_text, parse_address
from meshc.topology.proof.distinct import distinct
from meshc.topology.proof.equivalence_classes import Groups
from meshc.topology.proof.fib import DEEPEST, LAN
from meshc.topology.proof.peer_table import Ints
from meshc.topology.proof.traces import IN_LAN, OUT, Batch, Sky, fly
from meshc.values import dataclass

# Well-known addresses, tried in this order: one that no file mentions stands for the internet.
_FAR_AWAY = {
    4: ("1.1.1.1", "8.8.8.8", "9.9.9.9"),
    6: ("2606:4700:4700::1111", "2001:4860:4860::8888", "2620:fe::9"),
}


@dataclass(frozen=True, slots=True)
class Stray:
    """A packet to or from outside that does not get where it should. `answer` when it is the
    way back that fails; then `node` is where the outside address lies behind, and `source` the
    member of the mesh that the answer is for. `pairs` counts nodes of the same group."""

    source: int
    node: int
    address: int
    answer: bool
    what: str
    pairs: int


def lan_strays(sky: Sky, groups: Groups) -> Iterator[Stray]:
    """Every node must get to every LAN and hear the answer, except those that are on it."""
    tables = sky.tables
    for router, station in enumerate(sky.stations):
        for prefix in station.facts.routes:
            if prefix.family != tables.family:
                continue
            atoms = [
                atom
                for atom in tables.atoms(prefix)
                if tables.behind[atom] == router and tables.owner[atom] < 0
            ]
            for atom in _different(sky, atoms):
                yield from _to_lan(sky, groups, router, (atom, str(prefix)))


def _different(sky: Sky, atoms: list[int]) -> list[int]:
    """One atom of each kind: atoms with equal columns and rules fare the same."""
    tables = sky.tables
    seen: dict[tuple[bytes, bytes, int], int] = {}
    for atom in atoms:
        key = (
            tables.route[:, atom].tobytes(),
            tables.peer[:, atom].tobytes(),
            int(tables.rules[atom]),
        )
        seen.setdefault(key, atom)
    return list(seen.values())


def _to_lan(sky: Sky, groups: Groups, router: int, lan: tuple[int, str]) -> Iterator[Stray]:
    tables, (atom, what) = sky.tables, lan
    source = groups.first
    on_it = tables.route[tables.row_of[source], atom] == LAN
    unknown = sky.made[source] & sky.made[router]
    source = source[(source != router) & ~on_it & ~unknown]
    sizes = groups.size[groups.of[source]]
    there = fly(sky, Batch(source, tables.home[source], np.full_like(source, atom)))
    lost = (there.result != IN_LAN) | (there.at != router)
    yield from _strays(sky, source[lost], sizes[lost], (router, atom, False, what))
    back = source[~lost]
    answer = fly(
        sky,
        Batch(np.full_like(back, router), np.full_like(back, atom), tables.home[back], True),
    )
    lost_again = answer.at != back
    yield from _strays(sky, back[lost_again], sizes[~lost][lost_again], (router, atom, True, what))


def exit_strays(sky: Sky, groups: Groups) -> Iterator[Stray]:
    """Who uses an exit must get out through it and hear the answer."""
    tables = sky.tables
    atom = far_away(sky)
    numbers = {station.name: n for n, station in enumerate(sky.stations)}
    users = [n for n in groups.first.tolist() if sky.stations[n].facts.exit in numbers]
    for user in users:
        exit_node = numbers[sky.stations[user].facts.exit or ""]
        if tables.home[exit_node] < 0:
            continue
        one = np.array([user], np.int32)
        size = groups.size[groups.of[one]]
        there = fly(sky, Batch(one, tables.home[one], np.array([atom], np.int32)))
        tag = (exit_node, atom)
        if there.result[0] != OUT or there.at[0] != exit_node:
            yield from _strays(sky, one, size, (*tag, False, "the internet"))
            continue
        answer = fly(
            sky,
            Batch(
                np.array([exit_node], np.int32), np.array([atom], np.int32), tables.home[one], True
            ),
        )
        if answer.at[0] != user:
            yield from _strays(sky, one, size, (*tag, True, "the internet"))


def far_away(sky: Sky) -> int:
    """An atom that stands for the internet: outside of all pools and LANs."""
    tables = sky.tables
    for text in _FAR_AWAY[tables.family]:
        atom = tables.atom(int(parse_address(text)))
        if not sky.pools[atom] and tables.behind[atom] < 0 and tables.owner[atom] < 0:
            return atom
    return tables.atom(int(parse_address(_FAR_AWAY[tables.family][0])))


def leaks(sky: Sky, user: int) -> list[Prefix]:
    """What an exit user sends to its own default gateway: should be nothing of this family."""
    tables = sky.tables
    row = tables.route[tables.row_of[user]]
    result = []
    top = 1 << (32 if tables.family == 4 else 128)
    for atom in np.flatnonzero(row < 0).tolist():
        if row[atom] == LAN or tables.first(atom) >= top:
            continue
        bits = 32 if tables.family == 4 else 128
        result.append(Prefix(tables.family, tables.first(atom), bits))
    return result


def rings(sky: Sky, pools: tuple[Prefix, ...]) -> Iterator[tuple[list[int], str]]:
    """Next hops that lead an address which nobody has round in a circle: (nodes, address)."""
    tables = sky.tables
    free = sorted(
        atom
        for prefix in pools
        if prefix.family == tables.family
        for atom in tables.atoms(prefix)
        if tables.owner[atom] < 0 and tables.behind[atom] < 0
    )
    seen: set[tuple[int, ...]] = set()
    for atom in _different(sky, free):
        here = np.arange(len(sky.stations), dtype=np.int32)
        for _ in range(DEEPEST):
            there = tables.route[tables.row_of[here], atom]
            there = there[there >= 0]
            if not len(there):
                break
            here = distinct(there)
        else:
            ring = _ring(sky, int(here[0]), atom)
            if tuple(sorted(ring)) not in seen:
                seen.add(tuple(sorted(ring)))
                yield ring, address_text(tables.family, tables.first(atom))


def _ring(sky: Sky, node: int, atom: int) -> list[int]:
    ring = [node]
    while True:
        node = int(sky.tables.route[sky.tables.row_of[node], atom])
        if node in ring:
            return [*ring[ring.index(node) :], node]
        ring.append(node)


def _strays(
    sky: Sky, source: Ints, sizes: Ints, tag: tuple[int, int, bool, str]
) -> Iterator[Stray]:
    node, atom, answer, what = tag
    for n, size in zip(source.tolist(), sizes.tolist(), strict=True):
        yield Stray(n, node, sky.tables.first(atom), answer, what, size)
