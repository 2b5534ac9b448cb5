"""The reach of everybody: who may begin what with whom, by names, and what a change of policies
opens and closes.

Parties are nodes, LANs (and the parts of them that rules tell apart) and the internet. A network
without policies lets everybody reach everybody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

from meshc.prefixes import BITS, Prefix, address_text, spanning
from meshc.topology.language.spec import EVERYTHING, Service, Spec
from meshc.topology.obligations.access import NO_RULES, Access, Rules

INTERNET = "internet"
_KINDS = ("tcp", "udp", "icmp", "other")
_ALL_PORTS = (0, 65535)
# what a node is known by before it has an address: reserved, and multicast, which no rule is about
_STAND_IN = {4: 0xF0000000, 6: 0xFF << 120}

Services = tuple[Service, ...]
Pair = tuple[str, str]
Side = tuple[tuple[int, Rules, Rules], ...]


class ReachParty(NamedTuple):
    """One party with an address of each family that it has."""

    name: str
    addresses: Mapping[int, int]
    sends: bool = True


class ReachLine(NamedTuple):
    """Sources and targets with the same services, as names."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    services: Services


class ReachChange(NamedTuple):
    """What a change of the file `opens` and `closes`, as lines; `opened` and `closed` are how many
    ordered pairs each is about."""

    opens: tuple[ReachLine, ...] = ()
    closes: tuple[ReachLine, ...] = ()
    opened: int = 0
    closed: int = 0


def reach(spec: Spec, others: Iterable[Spec] = ()) -> dict[Pair, Services]:
    """The services of each ordered pair of parties that may begin anything; families are joined.
    LANs are cut where the rules of `others` cut them as well."""
    found, _ = _compared(Spec(spec.network, {}, {}, {}, policies=()), spec, others)
    return found


def difference(old: Spec, new: Spec) -> tuple[dict[Pair, Services], dict[Pair, Services]]:
    """What `new` (opens, closes) against `old`, for each pair."""
    return _compared(old, new)


def reach_change(old: Spec, new: Spec) -> ReachChange:
    """The same for people: groups by their names."""
    opens, closes = difference(old, new)
    groups = all_groups(new, [old]) if opens or closes else {}
    lines = [tuple(folded(pairs, groups)) for pairs in (opens, closes)]
    return ReachChange(lines[0], lines[1], len(opens), len(closes))


def _compared(
    old: Spec, new: Spec, others: Iterable[Spec] = ()
) -> tuple[dict[Pair, Services], dict[Pair, Services]]:
    """Parties that no rule of either file tells apart are looked at once."""
    sides = tuple((one, Access.of(one, stand_ins(one))) for one in (old, new))
    known = [access for _, access in sides if access is not None]
    known += [a for one in others if (a := Access.of(one, stand_ins(one))) is not None]
    parties = [{party.name: party for party in parties_of(one, known)} for one, _ in sides]
    classes: defaultdict[tuple[Side, Side, bool], list[str]] = defaultdict(list)
    for name in sorted({*parties[0], *parties[1]}):
        both = [here.get(name) for here in parties]
        before, after = (side_of(p, side[1]) for p, side in zip(both, sides, strict=True))
        classes[before, after, any(p.sends for p in both if p)].append(name)
    opens: dict[Pair, Services] = {}
    closes: dict[Pair, Services] = {}
    for (*one, sends), sources in classes.items():
        for (*other, _), targets in classes.items() if sends else ():
            had, has = (
                services_between(side[1], a, b)
                for side, a, b in zip(sides, one, other, strict=True)
            )
            for found, some, gone in ((opens, has, had), (closes, had, has)):
                left = without_services(some, gone) if gone else some
                if left:
                    pairs = ((a, b) for a in sources for b in targets if a != b)
                    found.update(dict.fromkeys(pairs, left))
    return dict(sorted(opens.items())), dict(sorted(closes.items()))


def side_of(party: ReachParty | None, access: Access | None) -> Side:
    """What of a party matters in one file: by family, the rules that it may send and receive by."""
    if party is None:
        return ()
    if access is None:
        return tuple((family, NO_RULES, NO_RULES) for family in sorted(party.addresses))
    return tuple(
        (family, access.senders[family].at(address), access.receivers[family].at(address))
        for family, address in sorted(party.addresses.items())
    )


def services_between(access: Access | None, one: Side, other: Side) -> Services:
    receives = {family: rules for family, _, rules in other}
    common = [(rules, receives[family]) for family, rules, _ in one if family in receives]
    if access is None:
        return (EVERYTHING,) if common else ()
    return access.services(frozenset().union(*(a & b for a, b in common)))


def folded(pairs: Mapping[Pair, Services], groups: Mapping[str, Iterable[str]]) -> list[ReachLine]:
    """The same as few lines: sources that reach the same are told together, and a group by its
    name when all of its members are meant."""
    rows: defaultdict[str, defaultdict[Services, list[str]]]
    rows = defaultdict(lambda: defaultdict(list))
    for (source, target), services in pairs.items():
        rows[source][services].append(target)
    alike: defaultdict[tuple[Services, tuple[str, ...]], list[str]] = defaultdict(list)
    for source, row in rows.items():
        for services, targets in row.items():
            # a node does not reach itself: that makes no difference to who is alike
            alike[services, tuple(sorted(targets))].append(source)
    lines = [
        ReachLine(named(sources, groups), named(targets, groups), services)
        for (services, targets), sources in alike.items()
    ]
    return sorted(lines)


def all_groups(spec: Spec, others: Iterable[Spec] = ()) -> dict[str, tuple[str, ...]]:
    """The groups of the file, and each LAN with the parts in which `reach` tells of it."""
    known = [Access.of(one, stand_ins(one)) for one in (spec, *others)]
    found = dict(spec.groups)
    for party in parties_of(spec, [one for one in known if one is not None]):
        lan, _, part = party.name.partition(" ")
        if part:
            found[lan] = (*found.get(lan, ()), party.name)
    return found


def named(names: Iterable[str], groups: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Names with whole groups of more than one by their own name, the largest first."""
    left = set(names)
    found = []
    for group, listed in sorted(groups.items(), key=lambda item: (-len([*item[1]]), item[0])):
        members = set(listed)
        if len(members) > 1 and members <= left:
            found.append(group)
            left -= members
    return (*sorted(found), *sorted(left))


def without_services(services: Services, gone: Services) -> Services:
    """What is left of some services without others."""
    left: list[Service] = []
    for kind in _KINDS:
        for first, last in _spans(services, kind):
            pieces = [(first, last)]
            for low, high in _spans(gone, kind):
                pieces = [piece for span in pieces for piece in _cut(span, low, high)]
            left += [Service(kind, *piece) for piece in pieces]
    if [(one.first, one.last) for one in left] == [_ALL_PORTS] * len(_KINDS):
        return (EVERYTHING,)
    return tuple(left)


def _spans(services: Services, kind: str) -> list[tuple[int, int]]:
    return [(s.first, s.last) for s in services if s.protocol in ("all", kind)]


def _cut(span: tuple[int, int], low: int, high: int) -> Iterator[tuple[int, int]]:
    first, last = span
    if high < first or low > last:
        yield span
        return
    if first < low:
        yield first, low - 1
    if high < last:
        yield high + 1, last


def stand_ins(spec: Spec) -> dict[str, tuple[Prefix, ...]]:
    """The addresses of the file, and one for each node and family that has none there."""
    families = {pool.family for pool in spec.network.pools}
    found = {}
    for number, (name, node) in enumerate(sorted(spec.nodes.items())):
        own = {address.family: address for address in node.addresses}
        missing = (
            Prefix(family, _STAND_IN[family] + number, BITS[family])
            for family in sorted(families - own.keys())
        )
        found[name] = (*own.values(), *missing)
    return found


def parties_of(spec: Spec, accesses: Iterable[Access]) -> Iterator[ReachParty]:
    known = [*accesses]
    for name, own in stand_ins(spec).items():
        yield ReachParty(name, {address.family: address.value for address in own})
    for name, node in sorted(spec.nodes.items()):
        for route in node.routes:
            parts = [*_parts(route, known)]
            for first, last in parts:
                text = f"{name}:lan"
                if len(parts) > 1 or len(node.routes) > 1:
                    text += f" {_stretch(route.family, first, last)}"
                yield ReachParty(text, {route.family: first})
    if any(node.exit_node for node in spec.nodes.values()):
        far = {4: 0x01010101, 6: 0x2606470047000000 << 64 | 0x1111}
        families = {pool.family for pool in spec.network.pools}
        yield ReachParty(INTERNET, {f: far[f] for f in sorted(families)}, sends=False)


def _stretch(family: int, first: int, last: int) -> str:
    """As a prefix where it is one, else from the first address to the last."""
    prefixes = spanning(family, first, last)
    if len(prefixes) == 1:
        return str(prefixes[0])
    return "-".join(address_text(family, value) for value in (first, last))


def _parts(route: Prefix, accesses: list[Access]) -> Iterator[tuple[int, int]]:
    """The stretches of a LAN that are alike for all rules."""
    cuts = {route.value, route.last + 1}
    for access in accesses:
        for stretches in (access.senders[route.family], access.receivers[route.family]):
            for first, last, _ in stretches.within((route,)):
                cuts |= {first, last + 1}
    ordered = sorted(cuts)
    for first, end in pairwise(ordered):
        yield first, end - 1
