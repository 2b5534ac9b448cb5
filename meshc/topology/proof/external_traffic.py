"""External traffic: packets to LANs behind routers, to the internet behind an exit, and to those
addresses of the pools that nobody has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from meshc.prefixes import BITS, Prefix, address_text, parse_address
from meshc.topology.obligations.due import Due, Party
from meshc.topology.obligations.obligations import Obligations
from meshc.topology.proof.equivalence_classes import EquivalenceClasses
from meshc.topology.proof.fib import DEEPEST, LAN, UPLINK, Fib
from meshc.topology.proof.peer_table import Bools, Ints, Longs
from meshc.topology.proof.public_space import public_address, public_atoms
from meshc.topology.proof.trace_batch import IN_LAN, OUT, DataPlane, PacketBatch, trace_batch
from meshc.topology.proof.unique_values import unique_values
from meshc.values import dataclass

# Well-known addresses, tried in this order: one that no file mentions stands for the internet.
_FAR_AWAY = {
    4: ("1.1.1.1", "8.8.8.8", "9.9.9.9"),
    6: ("2606:4700:4700::1111", "2001:4860:4860::8888", "2620:fe::9"),
}


_BATCH = 1 << 18


class _LanTarget(NamedTuple):
    """An address of a LAN, and the router that it lies behind; `what` is the LAN in words."""

    router: int
    atom: int
    what: str


@dataclass(frozen=True, slots=True)
class ExternalLoss:
    """A packet to or from outside that does not get where it should. `answer` when it is the
    way back that fails; then `node` is where the outside address lies behind, and `source` the
    member of the mesh that the answer is for. `pairs` counts nodes of the same class."""

    source: int
    node: int
    address: int
    answer: bool
    what: str
    pairs: int


def lan_losses(
    plane: DataPlane, classes: EquivalenceClasses, obligations: Obligations
) -> Iterator[ExternalLoss]:
    """Every node must get to every LAN and hear the answer, if anything is due to it there."""
    family, names = plane.fib.family, [model.name for model in plane.models]
    lans = [*_lan_targets(plane, obligations)]
    at_once = max(1, _BATCH // max(1, len(classes.first)))
    for start in range(0, len(lans), at_once):
        for loss in _to_lans(plane, classes, lans[start : start + at_once]):
            host = Party(names[loss.node], Prefix(family, loss.address, BITS[family]))
            if _due(plane, obligations, loss.source, host):
                yield loss


def _lan_targets(plane: DataPlane, obligations: Obligations) -> Iterator[_LanTarget]:
    fib = plane.fib
    number = {model.name: n for n, model in enumerate(plane.models)}
    for prefix, name in obligations.around.lans:
        router = number.get(name)
        if prefix.family != fib.family or router is None:
            continue
        atoms = [
            atom for atom in fib.atoms(prefix) if fib.behind[atom] == router and fib.owner[atom] < 0
        ]
        for atom in _different(plane, atoms):
            yield _LanTarget(router, atom, str(prefix))


def _due(plane: DataPlane, obligations: Obligations, source: int, target: Party) -> bool:
    owed = obligations.owed(Party(plane.models[source].name), target, plane.fib.family)
    # an exit that does not speak the family is told of by the checks, once
    return owed.due not in (Due.APART, Due.UNASKED) and owed.code != "W204"


def _different(plane: DataPlane, atoms: list[int]) -> list[int]:
    """One atom of each kind: atoms with equal columns and rules fare the same."""
    if len(atoms) < 2:
        return atoms
    fib = plane.fib
    seen: dict[tuple[bytes, bytes, int], int] = {}
    for atom in atoms:
        key = (
            fib.route[:, atom].tobytes(),
            fib.peer[:, atom].tobytes(),
            int(fib.rules[atom]),
        )
        seen.setdefault(key, atom)
    return list(seen.values())


def _to_lans(
    plane: DataPlane, classes: EquivalenceClasses, lans: Sequence[_LanTarget]
) -> Iterator[ExternalLoss]:
    """From every class to every one of `lans`, and back."""
    fib = plane.fib
    count = len(classes.first)
    source = np.tile(classes.first, len(lans))
    router = np.repeat(np.array([lan.router for lan in lans], np.int32), count)
    atom = np.repeat(np.array([lan.atom for lan in lans], np.int32), count)
    on_it = fib.route[fib.row_of[source], atom] == LAN
    unknown = plane.made[source] & plane.made[router]
    asked = (source != router) & ~on_it & ~unknown
    number = np.repeat(np.arange(len(lans)), count)[asked]
    source, router, atom = source[asked], router[asked], atom[asked]
    there = trace_batch(plane, PacketBatch(source, fib.home[source], atom))
    lost = (there.result != IN_LAN) | (there.at != router)
    went = np.flatnonzero(~lost)
    back = PacketBatch(router[went], atom[went], fib.home[source[went]], True)
    unheard = went[trace_batch(plane, back).at != source[went]]
    sizes = classes.size[classes.of[source]]
    failures = ((False, np.flatnonzero(lost)), (True, unheard))
    for n in unique_values(number[np.concatenate([some for _, some in failures])]).tolist():
        lan = lans[n]
        for answer, failed in failures:
            ours = failed[number[failed] == n]
            tag = (lan.router, lan.atom, answer, lan.what)
            yield from _losses(plane, source[ours], sizes[ours], tag)


def exit_losses(
    plane: DataPlane, classes: EquivalenceClasses, obligations: Obligations
) -> Iterator[ExternalLoss]:
    """Who uses an exit must get out through it and hear the answer, wherever in the internet it
    sends to, if anything is due to it there."""
    fib = plane.fib
    numbers = {model.name: n for n, model in enumerate(plane.models)}
    exits = obligations.around.exits
    users = [n for n in classes.first.tolist() if plane.models[n].name in exits]
    outside = _outside(plane) if users else np.zeros(0, bool)
    for user in users:
        exit_node = numbers.get(exits[plane.models[user].name], -1)
        if exit_node < 0 or fib.home[exit_node] < 0:
            continue
        one = np.array([user], np.int32)
        size = classes.size[classes.of[one]]
        for atom in _targets(plane, user, outside):
            if not _due(plane, obligations, user, Party(host=public_address(fib, atom))):
                continue
            there = trace_batch(plane, PacketBatch(one, fib.home[one], np.array([atom], np.int32)))
            tag = (exit_node, atom)
            if there.result[0] != OUT or there.at[0] != exit_node:
                yield from _losses(plane, one, size, (*tag, False, "the internet"))
                continue
            back = PacketBatch(
                np.array([exit_node], np.int32), np.array([atom], np.int32), fib.home[one], True
            )
            if trace_batch(plane, back).at[0] != user:
                yield from _losses(plane, one, size, (*tag, True, "the internet"))


def _outside(plane: DataPlane) -> Bools:
    """Public addresses that nobody in the network has."""
    fib = plane.fib
    found: Bools = public_atoms(fib) & ~plane.pools & (fib.owner < 0) & (fib.behind < 0)
    return found


def _targets(plane: DataPlane, user: int, outside: Bools) -> list[int]:
    """An atom that stands for the internet, and one for each other next hop that any part of it
    has: of what the user must send to its exit."""
    fib = plane.fib
    must, may = plane.models[user].facts.exit_duty.parts(fib.family)
    atoms = np.flatnonzero(outside & ~_mask(fib, (*must, *may)))
    if not len(atoms):
        return []
    far = far_away(plane)
    first = far if far in atoms else int(atoms[0])
    row = fib.route[fib.row_of[user]]
    hops = row[atoms]
    others = {int(hop) for hop in unique_values(hops)} - {int(row[first])}
    return [first, *(int(atoms[hops == hop][0]) for hop in sorted(others) if hop >= 0)]


def _mask(fib: Fib, prefixes: Iterable[Prefix]) -> Bools:
    found = np.zeros(len(fib.owner), bool)
    for prefix in prefixes:
        part = fib.atoms(prefix)
        found[part.start : part.stop] = True
    return found


def far_away(plane: DataPlane) -> int:
    """An atom that stands for the internet: outside of all pools and LANs."""
    fib = plane.fib
    for text in _FAR_AWAY[fib.family]:
        atom = fib.atom(int(parse_address(text)))
        if not plane.pools[atom] and fib.behind[atom] < 0 and fib.owner[atom] < 0:
            return atom
    return fib.atom(int(parse_address(_FAR_AWAY[fib.family][0])))


def leaks(plane: DataPlane, user: int) -> list[Prefix]:
    """What an exit user sends to its own default gateway: should be nothing of this family but
    what is to stay beside the tunnel."""
    fib = plane.fib
    row = fib.route[fib.row_of[user]]
    must, may = plane.models[user].facts.exit_duty.parts(fib.family)
    open_ = np.flatnonzero((row < 0) & (row != LAN) & ~_mask(fib, (*must, *may)))
    return _first_addresses(fib, open_)


def swallowed_exceptions(plane: DataPlane, user: int) -> list[Prefix]:
    """What an exit user sends into the tunnel although it is to stay beside; what the network
    itself has is no part of that."""
    fib = plane.fib
    row = fib.route[fib.row_of[user]]
    must, _ = plane.models[user].facts.exit_duty.parts(fib.family)
    nobodys = ~plane.pools & (fib.owner < 0) & (fib.behind < 0)
    inside = np.flatnonzero(_mask(fib, must) & nobodys & (row != UPLINK) & (row != LAN))
    return _first_addresses(fib, inside)


def _first_addresses(fib: Fib, atoms: Longs) -> list[Prefix]:
    bits = BITS[fib.family]
    firsts = (fib.first(atom) for atom in atoms.tolist())
    return [Prefix(fib.family, first, bits) for first in firsts if first < 1 << bits]


def rings(plane: DataPlane, pools: tuple[Prefix, ...]) -> Iterator[tuple[list[int], str]]:
    """Next hops that lead an address which nobody has round in a circle: (nodes, address)."""
    fib = plane.fib
    free = sorted(
        atom
        for prefix in pools
        if prefix.family == fib.family
        for atom in fib.atoms(prefix)
        if fib.owner[atom] < 0 and fib.behind[atom] < 0
    )
    seen: set[tuple[int, ...]] = set()
    for atom in _different(plane, free):
        here = np.arange(len(plane.models), dtype=np.int32)
        for _ in range(DEEPEST):
            there = fib.route[fib.row_of[here], atom]
            there = there[there >= 0]
            if not len(there):
                break
            here = unique_values(there)
        else:
            ring = _ring(plane, int(here[0]), atom)
            if tuple(sorted(ring)) not in seen:
                seen.add(tuple(sorted(ring)))
                yield ring, address_text(fib.family, fib.first(atom))


def _ring(plane: DataPlane, node: int, atom: int) -> list[int]:
    ring = [node]
    while True:
        node = int(plane.fib.route[plane.fib.row_of[node], atom])
        if node in ring:
            return [*ring[ring.index(node) :], node]
        ring.append(node)


def _losses(
    plane: DataPlane, source: Ints, sizes: Ints, tag: tuple[int, int, bool, str]
) -> Iterator[ExternalLoss]:
    node, atom, answer, what = tag
    for n, size in zip(source.tolist(), sizes.tolist(), strict=True):
        yield ExternalLoss(n, node, plane.fib.first(atom), answer, what, size)
