"""Checks of single files, or between two, whether or not a packet is lost by the fault."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from meshc.diagnostics import Diagnostics, Location
from meshc.prefixes import BITS, Prefix, address_text, parse_address
from meshc.topology.language.spec import Platform
from meshc.topology.obligations.whereabouts import NOT_PUBLIC
from meshc.topology.proof.drop import MUTUAL, Drop, LossReason
from meshc.topology.proof.expectation import Expectation, literal_family
from meshc.topology.proof.longest_match import longest
from meshc.topology.proof.node_model import NodeModel
from meshc.topology.proof.peer_table import NOBODY, MeshPeerTable
from meshc.topology.proof.policy_rule import MAIN
from meshc.topology.proof.session_table import (
    ASLEEP,
    FAULTS,
    NO_ENDPOINT,
    NOT_LISTED,
    PSK,
    SessionTable,
    left_to_agents,
)
from meshc.topology.proof.trace_batch import DataPlane
from meshc.topology.proof.unique_values import unique_values

# So many findings of one kind are shown; the last one says how many more there are.
_MOST = 20
# The sockets of these apps are kept out of the tunnel by the system.
_PROTECTED = frozenset({Platform.IOS, Platform.ANDROID, Platform.WINDOWS})
_PART = 8  # no LAN is as wide as a prefix of this length
# There the endpoint gets a route of its own when its name is looked up (netifd: a host dependency),
# or the app keeps its sockets out.
_RESOLVED = _PROTECTED | {Platform.OPENWRT, Platform.MACOS}


def check_files(
    table: MeshPeerTable,
    sessions: SessionTable,
    planes: Mapping[int, DataPlane],
    expectation: Expectation,
    told: frozenset[tuple[str, ...]],
    found: Diagnostics,
) -> None:
    """Runs every check; each adds to `found`. Faults in `told` (see `Drop.cause`) have been
    reported with the packets that they cost."""
    _missing(table, expectation, found)
    _keys(table, told, found)
    _addresses(table, planes, found)
    _sections(table, found)
    _links(table, sessions, expectation, told, found)
    _endpoints(table, sessions, found)
    _doubled(table, found)
    _shadowed(table, found)


def _missing(table: MeshPeerTable, expectation: Expectation, found: Diagnostics) -> None:
    there = set(table.names)
    for name, facts in expectation.nodes.items():
        if name not in there:
            found.add(
                "E421",
                f"{name} has no file: nothing could be proven for it",
                facts.location,
                path=f"nodes.{name}",
                hint="run `meshc build` again",
            )


def _keys(table: MeshPeerTable, told: frozenset[tuple[str, ...]], found: Diagnostics) -> None:
    for n, model in enumerate(table.models):
        expected = model.facts.public_key
        if model.conf is None or expected is None or model.key == expected:
            continue
        found.add(
            "E403",
            f"{model.name}: the PrivateKey in its file does not belong to its public key "
            f"{expected}",
            Location(table.files[n], 1, 1),
            path=f"nodes.{model.name}",
            hint="build again; if the key was changed by hand, put the old one back",
        )
    for first, second in table.twins:
        found.add(
            "E403",
            f"{table.names[first]} and {table.names[second]} have the same key: "
            "WireGuard takes them for one peer",
            Location(table.files[second], 1, 1),
            path=f"nodes.{table.names[second]}",
            hint=f"`meshc keys rotate {table.names[second]}` makes a new one",
        )
    told_at = {cause[1] for cause in told if cause[0] == LossReason.UNKNOWN_KEY.name}
    frm = table.frm
    unknown = [
        row
        for row in np.flatnonzero(table.to == NOBODY).tolist()
        if table.names[int(frm[row])] not in told_at
    ]
    for row in _some(unknown, "E403", "sections with unknown keys", found):
        n = int(frm[row])
        found.add(
            "E403",
            f"{table.names[n]} lists a peer whose public key no node has",
            Location(table.files[n], int(table.line[row]), 1),
            path=f"nodes.{table.names[n]}",
            hint="build again, so that files and keys fit together",
        )


def _addresses(table: MeshPeerTable, planes: Mapping[int, DataPlane], found: Diagnostics) -> None:
    for family, plane in planes.items():
        for atom, owners in sorted(plane.fib.shared.items()):
            names = [table.names[n] for n in sorted(owners)]
            found.add(
                "E415",
                f"{' and '.join(names)} have the same address "
                f"{address_text(family, plane.fib.first(atom))}",
                path=f"nodes.{names[-1]}.address",
                hint="give one of them another address",
            )
    for model in table.models:
        if model.conf is not None and not model.own:
            found.add(
                "E415",
                f"{model.name} has no address on its tunnel",
                path=f"nodes.{model.name}.address",
                hint="build again: every node gets one address per family",
            )


def _sections(table: MeshPeerTable, found: Diagnostics) -> None:
    for at, line, text in _some(table.host_bits, "W402", "prefixes with host bits", found):
        found.add(
            "W402",
            f"{table.names[at]}: AllowedIPs {text} has host bits set; "
            f"WireGuard reads it as {Prefix.parse(text)}",
            Location(table.files[at], line, 1),
            path=f"nodes.{table.names[at]}",
            hint=f"write {Prefix.parse(text)}",
        )
    for n, key in _some(table.repeated, "W425", "repeated sections", found):
        found.add(
            "W425",
            f"{table.names[n]} has two [Peer] sections for the key {key}: the AllowedIPs of "
            "the first are forgotten",
            Location(table.files[n], 1, 1),
            path=f"nodes.{table.names[n]}",
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
    table: MeshPeerTable,
    sessions: SessionTable,
    expectation: Expectation,
    told: frozenset[tuple[str, ...]],
    found: Diagnostics,
) -> None:
    """Faults of sessions that cost no packet so far, once per pair of nodes."""
    names = table.names
    for number, code, text, hint in _LINK_FAULTS:
        reason = FAULTS[number]
        assert reason is not None, "only the number 0 is no fault"
        kinds: dict[str, list[tuple[int, str, str]]] = {code: [], "W408": []}
        for i in np.flatnonzero(sessions.fault == number).tolist():
            a, b = names[int(sessions.frm[i])], names[int(sessions.to[i])]
            mutual = reason in MUTUAL
            if (mutual and a > b) or Drop(reason, a, b).cause in told:
                continue
            if number in {NO_ENDPOINT, NOT_LISTED} and left_to_agents(
                table, sessions, expectation, i
            ):
                continue
            kept = expectation.obligations.silence.chosen(b, a)
            chosen = reason is LossReason.ASLEEP and kept is not None
            kinds["W408" if chosen else code].append((i, a, b))
        for kind, links in kinds.items():
            for i, a, b in _some(links, kind, "links", found):
                found.add(
                    kind,
                    text.format(a=a, b=b),
                    _at(table, sessions, i),
                    path=f"nodes.{b}.keepalive" if kind == "W408" else f"nodes.{a}",
                    hint=hint,
                )


def _endpoints(table: MeshPeerTable, sessions: SessionTable, found: Diagnostics) -> None:
    """Endpoints that do not reach their peer, and endpoints inside the node's own tunnel."""
    written = np.flatnonzero(sessions.row >= 0)
    written = written[table.endpoint[sessions.row[written]] >= 0]
    useless = written[
        (sessions.reach[written] == 0) & (sessions.frm[written] != sessions.to[written])
    ]
    for i in _some(useless.tolist(), "E406", "endpoints", found):
        a, b = int(sessions.frm[i]), int(sessions.to[i])
        endpoint = table.endpoints[int(table.endpoint[sessions.row[i]])]
        found.add(
            "E406",
            f"{table.names[a]}: {table.names[b]} is not reached at {endpoint}",
            _at(table, sessions, i),
            path=f"nodes.{table.names[a]}",
            hint="an Endpoint is written only where the peer is reached; build again",
        )
    swallowed = _swallowed(table, sessions, written)
    for i, prefix in _some(swallowed, "E413", "endpoints", found):
        a, b = int(sessions.frm[i]), int(sessions.to[i])
        endpoint = table.endpoints[int(table.endpoint[sessions.row[i]])]
        lies = "lies" if literal_family(endpoint.host) else "is a name and may lie"
        found.add(
            "E413",
            f"{table.names[a]}: the endpoint {endpoint} of {table.names[b]} {lies} inside "
            f"{prefix}, which is routed into the tunnel",
            _at(table, sessions, i),
            path=f"nodes.{table.names[a]}",
            hint="WireGuard's own packets would go into the tunnel: narrow that prefix",
        )


def _swallowed(
    table: MeshPeerTable, sessions: SessionTable, written: np.ndarray[tuple[int], np.dtype[np.intp]]
) -> list[tuple[int, Prefix]]:
    """(edge, prefix): asked once for each endpoint and each set of routes."""
    literal = {
        number: Prefix.host(parse_address(endpoint.host))
        for number, endpoint in enumerate(table.endpoints)
        if literal_family(endpoint.host)
    }
    wide = _wide_routes(table)
    risky = np.array([bool(routes) for routes in wide], bool)
    result = []
    for i in written[risky[sessions.frm[written]]].tolist():
        n = int(sessions.frm[i])
        target = literal.get(int(table.endpoint[sessions.row[i]]))
        if target is None:
            prefix = _anywhere(table.models[n], wide[n])
        else:
            prefix = longest(wide[n], target.family, target.value)
        if prefix and not (target and _on_lan(table.models[n], target, prefix)):
            result.append((i, prefix))
    return result


def _anywhere(model: NodeModel, routes: tuple[Prefix, ...]) -> Prefix | None:
    """A route that may hold whatever a name leads to: only a part of a default route is so wide,
    and those in the main table take WireGuard's own packets along."""
    facts = model.facts
    if facts.exit is None or facts.platform in _RESOLVED or model.routing.allowed != MAIN:
        return None
    wide = (p for p in routes if p.length <= _PART and p.family in facts.underlay)
    return next((p for p in wide if not any(s.contains(p) for s in NOT_PUBLIC)), None)


def _wide_routes(table: MeshPeerTable) -> list[tuple[Prefix, ...]]:
    """Per node the routes that could hold an endpoint. wg-quick(8) keeps WireGuard's packets out
    of a default route by a mark, and host routes hold nobody else's endpoint unless equal."""
    literal = (e.host for e in table.endpoints if literal_family(e.host))
    endpoints = {Prefix.host(parse_address(host)) for host in literal}
    wide = table.entries.chosen(
        lambda p: bool(p.length) and (p.length != BITS[p.family] or p in endpoints)
    )
    sets, full = wide.sets(), np.diff(wide.begin) > 0
    some = bool(sets)
    result: list[tuple[Prefix, ...]] = []
    for n, model in enumerate(table.models):
        if model.facts.platform in _PROTECTED or not model.installs_routes:
            result.append(tuple(p for p in model.other_routes if model.script and p.length))
            continue
        prefixes: list[Prefix] = []
        if some:
            numbers = table.allowed[int(table.start[n]) : int(table.start[n + 1])]
            prefixes = [p for k in numbers[full[numbers]].tolist() for p in sets[k]]
        result.append(tuple(dict.fromkeys((*prefixes, *model.other_routes))))
    return result


def _on_lan(model: NodeModel, target: Prefix, route: Prefix) -> bool:
    lan = longest(model.facts.lans, target.family, target.value)
    return lan is not None and lan.length >= route.length


def _doubled(table: MeshPeerTable, found: Diagnostics) -> None:
    """A prefix given to two peers of one interface: the last one wins without a word."""
    begin, prefix_id = table.entries.begin, table.entries.number
    sizes = np.diff(begin)
    result: list[tuple[int, Prefix, int, int]] = []
    # where no prefix is in two sets, only a set that is in one file twice can give one twice
    apart = len(table.entries.prefixes) == len(prefix_id)
    for n in range(len(table.names)):
        part = slice(int(table.start[n]), int(table.start[n + 1]))
        numbers = table.allowed[part]
        if apart and len(unique_values(numbers)) == len(numbers):
            continue
        count = sizes[numbers]
        ends = np.cumsum(count)
        at = np.arange(int(count.sum())) + np.repeat(begin[numbers] - (ends - count), count)
        if len(unique_values(prefix_id[at])) == len(at):
            continue
        claimed: dict[Prefix, int] = {}
        for row, k in enumerate(numbers.tolist(), part.start):
            for prefix in dict.fromkeys(table.allowed_sets[k]):
                if prefix in claimed:
                    result.append((n, prefix, claimed[prefix], row))
                claimed[prefix] = row
    for n, prefix, first, last in _some(result, "E401", "prefixes", found):
        names = [_peer_name(table, row) for row in (first, last)]
        found.add(
            "E401",
            f"{table.names[n]}: {prefix} is given to {names[0]} and to {names[1]}; "
            f"{names[1]} gets it, {names[0]} silently loses it",
            Location(table.files[n], int(table.line[last]), 1),
            path=f"nodes.{table.names[n]}",
            hint="a prefix belongs to one peer per interface",
        )


def _shadowed(table: MeshPeerTable, found: Diagnostics) -> None:
    """AllowedIPs equal to a network that the node is connected to: `ip route add` fails."""
    for n, model in enumerate(table.models):
        lans = set(model.facts.lans)
        if not lans or model.conf is None:
            continue
        part = slice(int(table.start[n]), int(table.start[n + 1]))
        for row, k in enumerate(table.allowed[part].tolist(), part.start):
            for prefix in lans.intersection(table.allowed_sets[k]):
                found.add(
                    "E420",
                    f"{model.name} is on {prefix} itself, but also routes it to "
                    f"{_peer_name(table, row)}",
                    Location(table.files[n], int(table.line[row]), 1),
                    path=f"nodes.{model.name}",
                    hint="two places with one LAN prefix cannot be joined: renumber one of them",
                )


def _at(table: MeshPeerTable, sessions: SessionTable, session: int) -> Location | None:
    row = int(sessions.row[session])
    if row < 0:
        return None
    return Location(table.files[int(sessions.frm[session])], int(table.line[row]), 1)


def _peer_name(table: MeshPeerTable, row: int) -> str:
    to = int(table.to[row])
    return table.names[to] if to >= 0 else "a peer with an unknown key"


def _some(items: Iterable[object], code: str, what: str, found: Diagnostics) -> Iterator:  # type: ignore[type-arg]
    """The first few; how many more there are becomes a finding of its own."""
    items = list(items)
    yield from items[:_MOST]
    if len(items) > _MOST:
        found.add(code, f"{len(items) - _MOST:,} more {what} have the same fault")
