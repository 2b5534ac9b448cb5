"""What is wrong in single files, or between two, whether or not a packet is lost by it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from meshc.diagnostics import Diagnostics, Location
from meshc.prefixes import Prefix, address_text, parse_address
from meshc.topology.language.spec import Platform
from meshc.topology.proof.distinct import distinct
from meshc.topology.proof.drop import MUTUAL, Drop, Reason
from meshc.topology.proof.expectation import Expectation, literal_family
from meshc.topology.proof.node_model import Station, longest
from meshc.topology.proof.peer_table import NOBODY, Columns
from meshc.topology.proof.session_table import ASLEEP, FAULTS, NO_ENDPOINT, NOT_LISTED, PSK, Edges
from meshc.topology.proof.traces import Sky

# So many findings of one kind are shown; the last one says how many more there are.
_MOST = 20
_UNDERLAY = 1500
_OVERHEAD = {4: 60, 6: 80}  # outer IP header, UDP, WireGuard data header and tag
_LEAST_IPV6 = 1280  # RFC 8200 section 5
# The sockets of these apps are kept out of the tunnel by the system.
_PROTECTED = frozenset({Platform.IOS, Platform.ANDROID})


def check_files(
    columns: Columns,
    edges: Edges,
    skies: Mapping[int, Sky],
    expectation: Expectation,
    told: frozenset[tuple[str, ...]],
    found: Diagnostics,
) -> None:
    """Runs every check; each adds to `found`. Faults in `told` (see `Drop.cause`) have been
    reported with the packets that they cost."""
    _missing(columns, expectation, found)
    _keys(columns, told, found)
    _addresses(columns, skies, found)
    _sections(columns, found)
    _links(columns, edges, told, found)
    _endpoints(columns, edges, found)
    _doubled(columns, found)
    _shadowed(columns, found)
    _mtu(columns, found)


def _missing(columns: Columns, expectation: Expectation, found: Diagnostics) -> None:
    there = set(columns.names)
    for name, facts in expectation.nodes.items():
        if name not in there:
            found.add(
                "E421",
                f"{name} has no file: nothing could be proven for it",
                facts.location,
                path=f"nodes.{name}",
                hint="run `meshc build` again",
            )


def _keys(columns: Columns, told: frozenset[tuple[str, ...]], found: Diagnostics) -> None:
    for n, station in enumerate(columns.stations):
        expected = station.facts.public_key
        if station.conf is None or expected is None or station.key == expected:
            continue
        found.add(
            "E403",
            f"{station.name}: the PrivateKey in its file does not belong to its public key "
            f"{expected}",
            Location(columns.files[n], 1, 1),
            path=f"nodes.{station.name}",
            hint="build again; if the key was changed by hand, put the old one back",
        )
    for first, second in columns.twins:
        found.add(
            "E403",
            f"{columns.names[first]} and {columns.names[second]} have the same key: "
            "WireGuard takes them for one peer",
            Location(columns.files[second], 1, 1),
            path=f"nodes.{columns.names[second]}",
            hint=f"`meshc keys rotate {columns.names[second]}` makes a new one",
        )
    told_at = {cause[1] for cause in told if cause[0] == Reason.UNKNOWN_KEY.name}
    frm = columns.frm
    unknown = [
        row
        for row in np.flatnonzero(columns.to == NOBODY).tolist()
        if columns.names[int(frm[row])] not in told_at
    ]
    for row in _some(unknown, "E403", "sections with unknown keys", found):
        n = int(frm[row])
        found.add(
            "E403",
            f"{columns.names[n]} lists a peer whose public key no node has",
            Location(columns.files[n], int(columns.line[row]), 1),
            path=f"nodes.{columns.names[n]}",
            hint="build again, so that files and keys fit together",
        )


def _addresses(columns: Columns, skies: Mapping[int, Sky], found: Diagnostics) -> None:
    for family, sky in skies.items():
        for atom, owners in sorted(sky.tables.shared.items()):
            names = [columns.names[n] for n in sorted(owners)]
            found.add(
                "E415",
                f"{' and '.join(names)} have the same address "
                f"{address_text(family, sky.tables.first(atom))}",
                path=f"nodes.{names[-1]}.address",
                hint="give one of them another address",
            )
    for station in columns.stations:
        if station.conf is not None and not station.own:
            found.add(
                "E415",
                f"{station.name} has no address on its tunnel",
                path=f"nodes.{station.name}.address",
                hint="build again: every node gets one address per family",
            )


def _sections(columns: Columns, found: Diagnostics) -> None:
    for at, line, text in _some(columns.host_bits, "W402", "prefixes with host bits", found):
        found.add(
            "W402",
            f"{columns.names[at]}: AllowedIPs {text} has host bits set; "
            f"WireGuard reads it as {Prefix.parse(text)}",
            Location(columns.files[at], line, 1),
            path=f"nodes.{columns.names[at]}",
            hint=f"write {Prefix.parse(text)}",
        )
    for n, key in _some(columns.repeated, "W425", "repeated sections", found):
        found.add(
            "W425",
            f"{columns.names[n]} has two [Peer] sections for the key {key}: the AllowedIPs of "
            "the first are forgotten",
            Location(columns.files[n], 1, 1),
            path=f"nodes.{columns.names[n]}",
            hint="merge the two sections",
        )


_LINK_FAULTS = (
    (
        NOT_LISTED,
        "E404",
        "{a} lists {b}, but {b} does not list {a}",
        "a link must stand in both files",
    ),
    (
        PSK,
        "E405",
        "{a} and {b} have different pre-shared keys",
        "both ends of a link need the same PresharedKey",
    ),
    (
        NO_ENDPOINT,
        "E406",
        "{a} and {b} list each other, but neither has an endpoint that reaches the other",
        "one side needs an Endpoint at which the other is reached, with its ListenPort",
    ),
    (
        ASLEEP,
        "E407",
        "{a} cannot start a session with {b}, and {b} keeps none alive",
        "the side behind the NAT needs PersistentKeepalive = 25",
    ),
)


def _links(
    columns: Columns, edges: Edges, told: frozenset[tuple[str, ...]], found: Diagnostics
) -> None:
    """Faults of sessions that cost no packet so far, once per pair of nodes."""
    names = columns.names
    for number, code, text, hint in _LINK_FAULTS:
        reason = FAULTS[number]
        assert reason is not None, "only the number 0 is no fault"
        edges_of_it = []
        for i in np.flatnonzero(edges.fault == number).tolist():
            a, b = names[int(edges.frm[i])], names[int(edges.to[i])]
            mutual = reason in MUTUAL
            if (mutual and a > b) or Drop(reason, a, b).cause in told:
                continue
            edges_of_it.append((i, a, b))
        for i, a, b in _some(edges_of_it, code, "links", found):
            by_choice = reason is Reason.ASLEEP and _silent(columns, edges, i)
            found.add(
                "W408" if by_choice else code,
                text.format(a=a, b=b),
                _at(columns, edges, i),
                path=f"nodes.{a}",
                hint=hint,
            )


def _silent(columns: Columns, edges: Edges, edge: int) -> bool:
    """Whether the receiver was told to keep nothing alive."""
    return columns.stations[int(edges.to[edge])].facts.keepalive == 0


def _endpoints(columns: Columns, edges: Edges, found: Diagnostics) -> None:
    """Endpoints that do not reach their peer, and endpoints inside the node's own tunnel."""
    written = np.flatnonzero(edges.row >= 0)
    written = written[columns.endpoint[edges.row[written]] >= 0]
    useless = written[(edges.reach[written] == 0) & (edges.frm[written] != edges.to[written])]
    for i in _some(useless.tolist(), "E406", "endpoints", found):
        a, b = int(edges.frm[i]), int(edges.to[i])
        endpoint = columns.endpoints[int(columns.endpoint[edges.row[i]])]
        found.add(
            "E406",
            f"{columns.names[a]}: {columns.names[b]} is not reached at {endpoint}",
            _at(columns, edges, i),
            path=f"nodes.{columns.names[a]}",
            hint="an Endpoint is written only where the peer is reached; build again",
        )
    swallowed = _swallowed(columns, edges, written)
    for i, prefix in _some(swallowed, "E413", "endpoints", found):
        a, b = int(edges.frm[i]), int(edges.to[i])
        endpoint = columns.endpoints[int(columns.endpoint[edges.row[i]])]
        found.add(
            "E413",
            f"{columns.names[a]}: the endpoint {endpoint} of {columns.names[b]} lies inside "
            f"{prefix}, which is routed into the tunnel",
            _at(columns, edges, i),
            path=f"nodes.{columns.names[a]}",
            hint="WireGuard's own packets would go into the tunnel: narrow that prefix",
        )


def _swallowed(
    columns: Columns, edges: Edges, written: np.ndarray[tuple[int], np.dtype[np.intp]]
) -> list[tuple[int, Prefix]]:
    """(edge, prefix): asked once for each endpoint and each set of routes."""
    literal = {
        number: Prefix.host(parse_address(endpoint.host))
        for number, endpoint in enumerate(columns.endpoints)
        if literal_family(endpoint.host)
    }
    wide = _wide_routes(columns)
    risky = np.array([bool(routes) for routes in wide], bool)
    result = []
    for i in written[risky[edges.frm[written]]].tolist():
        n = int(edges.frm[i])
        target = literal.get(int(columns.endpoint[edges.row[i]]))
        prefix = longest(wide[n], target.family, target.value) if target else None
        if target and prefix and not _on_lan(columns.stations[n], target, prefix):
            result.append((i, prefix))
    return result


def _wide_routes(columns: Columns) -> list[tuple[Prefix, ...]]:
    """Per node the routes that could hold an endpoint. wg-quick(8) keeps WireGuard's packets out
    of a default route by a mark, and host routes hold nobody else's endpoint unless equal."""
    endpoints = {
        Prefix.host(parse_address(e.host)) for e in columns.endpoints if literal_family(e.host)
    }
    sets = [
        tuple(p for p in s if p.length and (not p.is_host or p in endpoints))
        for s in columns.allowed_sets
    ]
    full = np.array([bool(s) for s in sets] or [False], bool)
    some = bool(full.any())
    result: list[tuple[Prefix, ...]] = []
    for n, station in enumerate(columns.stations):
        if station.facts.platform in _PROTECTED or not station.installs_routes:
            result.append(())
            continue
        prefixes: list[Prefix] = []
        if some:
            numbers = columns.allowed[int(columns.start[n]) : int(columns.start[n + 1])]
            prefixes = [p for k in numbers[full[numbers]].tolist() for p in sets[k]]
        result.append(tuple(dict.fromkeys((*prefixes, *station.other_routes))))
    return result


def _on_lan(station: Station, target: Prefix, route: Prefix) -> bool:
    lan = longest(station.facts.lans, target.family, target.value)
    return lan is not None and lan.length >= route.length


def _doubled(columns: Columns, found: Diagnostics) -> None:
    """A prefix given to two peers of one interface: the last one wins without a word."""
    ids: dict[Prefix, int] = {}
    flat = [ids.setdefault(p, len(ids)) for s in columns.allowed_sets for p in s]
    sizes = np.array([len(s) for s in columns.allowed_sets], np.int64)
    begin = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    prefix_id = np.array(flat, np.int64)
    result: list[tuple[int, Prefix, int, int]] = []
    # where no prefix is in two sets, only a set that is in one file twice can give one twice
    apart = len(ids) == len(flat)
    for n in range(len(columns.names)):
        part = slice(int(columns.start[n]), int(columns.start[n + 1]))
        numbers = columns.allowed[part]
        if apart and len(distinct(numbers)) == len(numbers):
            continue
        count = sizes[numbers]
        ends = np.cumsum(count)
        at = np.arange(int(count.sum())) + np.repeat(begin[numbers] - (ends - count), count)
        if len(distinct(prefix_id[at])) == len(at):
            continue
        claimed: dict[Prefix, int] = {}
        for row, k in enumerate(numbers.tolist(), part.start):
            for prefix in dict.fromkeys(columns.allowed_sets[k]):
                if prefix in claimed:
                    result.append((n, prefix, claimed[prefix], row))
                claimed[prefix] = row
    for n, prefix, first, last in _some(result, "E401", "prefixes", found):
        names = [_peer_name(columns, row) for row in (first, last)]
        found.add(
            "E401",
            f"{columns.names[n]}: {prefix} is given to {names[0]} and to {names[1]}; "
            f"{names[1]} gets it, {names[0]} silently loses it",
            Location(columns.files[n], int(columns.line[last]), 1),
            path=f"nodes.{columns.names[n]}",
            hint="a prefix belongs to one peer per interface",
        )


def _shadowed(columns: Columns, found: Diagnostics) -> None:
    """AllowedIPs equal to a network that the node is connected to: `ip route add` fails."""
    for n, station in enumerate(columns.stations):
        lans = set(station.facts.lans)
        if not lans or station.conf is None:
            continue
        part = slice(int(columns.start[n]), int(columns.start[n + 1]))
        for row, k in enumerate(columns.allowed[part].tolist(), part.start):
            for prefix in lans.intersection(columns.allowed_sets[k]):
                found.add(
                    "E420",
                    f"{station.name} is on {prefix} itself, but also routes it to "
                    f"{_peer_name(columns, row)}",
                    Location(columns.files[n], int(columns.line[row]), 1),
                    path=f"nodes.{station.name}",
                    hint="two places with one LAN prefix cannot be joined: renumber one of them",
                )


def _mtu(columns: Columns, found: Diagnostics) -> None:
    """Too large for the underlay, or too small for IPv6."""
    six = np.array([literal_family(end.host) == 6 for end in columns.endpoints], bool)
    some = bool(six.any())
    for n, station in enumerate(columns.stations):
        conf = station.conf
        if conf is None or conf.mtu is None:
            continue
        part = columns.endpoint[int(columns.start[n]) : int(columns.start[n + 1])]
        overhead = _OVERHEAD[6 if some and six[part[part >= 0]].any() else 4]
        place = Location(columns.files[n], 1, 1)
        if conf.mtu > _UNDERLAY - overhead:
            found.add(
                "E417",
                f"{station.name}: MTU {conf.mtu} does not fit: {_UNDERLAY} less {overhead} "
                f"for the tunnel is {_UNDERLAY - overhead}",
                place,
                path=f"nodes.{station.name}.mtu",
                hint="`mtu: auto` finds the right one",
            )
        if conf.mtu < _LEAST_IPV6 and any(p.family == 6 for p in station.own):
            found.add(
                "E417",
                f"{station.name}: with an MTU of {conf.mtu} its IPv6 does not work: "
                f"{_LEAST_IPV6} is the least",
                place,
                path=f"nodes.{station.name}.mtu",
                hint="RFC 8200 section 5; raise it or leave IPv6 out",
            )


def _at(columns: Columns, edges: Edges, edge: int) -> Location | None:
    row = int(edges.row[edge])
    if row < 0:
        return None
    return Location(columns.files[int(edges.frm[edge])], int(columns.line[row]), 1)


def _peer_name(columns: Columns, row: int) -> str:
    to = int(columns.to[row])
    return columns.names[to] if to >= 0 else "a peer with an unknown key"


def _some(items: Iterable[object], code: str, what: str, found: Diagnostics) -> Iterator:  # type: ignore[type-arg]
    """The first few; how many more there are becomes a finding of its own."""
    items = list(items)
    yield from items[:_MOST]
    if len(items) > _MOST:
        found.add(code, f"{len(items) - _MOST:,} more {what} have the same fault")
