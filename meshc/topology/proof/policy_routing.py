"""Policy routing: the tables and rules of a node after `wg-quick up` and its `ip` hooks.

wg-quick(8) puts AllowedIPs into the main table; a default route goes into a table of its own, which
everything looks up that is not WireGuard's own packet, behind what main knows besides its default.
`Table = N` puts all of them into table N, which nothing looks up unless a hook says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import pairwise

from meshc.errors import PrefixFormatError
from meshc.prefixes import Prefix
from meshc.topology.proof.hook_commands import commands
from meshc.topology.proof.iptables_rule import TUNNEL
from meshc.topology.proof.longest_match import longest
from meshc.topology.proof.policy_rule import (
    MAIN,
    MAIN_PRIORITY,
    RouteQuery,
    RoutingRule,
    read_policy_rule,
    table_name,
)
from meshc.values import dataclass
from meshc.wg.conf import Conf

DEFAULT_TABLE = "that of wg-quick"
_KINDS = frozenset(("unicast", "blackhole", "unreachable", "prohibit", "throw"))
_ELSEWHERE = frozenset(("blackhole", "unreachable", "prohibit"))


class RouteKind(Enum):
    """Where the routing tables of a node send a packet."""

    OWN = "to itself"
    TUNNEL = "into the tunnel"
    LAN = "to a network that it is connected to"
    UPLINK = "to its default gateway"


@dataclass(frozen=True, slots=True)
class PolicyRouting:
    """`allowed` is the table of the AllowedIPs ('off': none). `added` and `elsewhere` are routes
    by hooks, into the tunnel and past it; `removed` those that a hook took away again."""

    interface: str
    allowed: str = MAIN
    rules: tuple[RoutingRule, ...] = ()
    added: tuple[tuple[str, Prefix], ...] = ()
    elsewhere: tuple[tuple[str, Prefix], ...] = ()
    removed: tuple[tuple[str, Prefix], ...] = ()

    @property
    def plain(self) -> bool:
        """Whether the target alone decides, by the one longest match of the main table."""
        past_main = self.rules or self.removed or self.elsewhere
        return (
            self.allowed in (MAIN, "off")
            and not past_main
            and all(table == MAIN for table, _ in self.added)
        )

    @property
    def prefixes(self) -> Iterator[Prefix]:
        """All that rules and hooks name."""
        for _, prefix in (*self.added, *self.elsewhere, *self.removed):
            yield prefix
        for rule in self.rules:
            yield from (p for p in (rule.source, rule.target) if p is not None)

    def way(
        self,
        query: RouteQuery,
        allowed: Iterable[Prefix],
        connected: Iterable[Prefix],
        lans: Iterable[Prefix],
    ) -> tuple[RouteKind, Prefix | None]:
        """What the rules find for a packet. `connected` are the networks of the interface's own
        addresses, `lans` those of other interfaces; both stand in the main table."""
        routes = self._tables(tuple(allowed), connected)
        past: dict[str, list[Prefix]] = {}
        for table, prefix in self.elsewhere:
            past.setdefault(table, []).append(prefix)
        for rule in self.rules:
            if not rule.matches(query, self.interface):
                continue
            if rule.priority is not None and rule.priority > MAIN_PRIORITY:
                break  # main has a default route, so that nothing gets past it
            beside = lans if rule.table == MAIN else ()
            found = _found(query, routes.get(rule.table, ()), beside, past.get(rule.table, ()))
            if found is not None and found[1].length > rule.suppress:
                return found
            if found is None and rule.table == MAIN and rule.suppress < 0:
                return RouteKind.UPLINK, None
        found = _found(query, routes[MAIN], lans, past.get(MAIN, ()))
        if found is None:
            found = _found(query, routes.get(DEFAULT_TABLE, ()), (), ())
        return found if found is not None else (RouteKind.UPLINK, None)

    def _tables(
        self, allowed: tuple[Prefix, ...], connected: Iterable[Prefix]
    ) -> dict[str, list[Prefix]]:
        tables: dict[str, list[Prefix]] = {MAIN: [*connected]}
        for prefix in allowed:
            table = self.allowed
            if table == MAIN and not prefix.length:
                table = DEFAULT_TABLE
            tables.setdefault(table, []).append(prefix)
        for table, prefix in self.added:
            tables.setdefault(table, []).append(prefix)
        gone = set(self.removed)
        return {
            table: [p for p in prefixes if (table, p) not in gone]
            for table, prefixes in tables.items()
        }


def _found(
    query: RouteQuery, tunnel: Iterable[Prefix], lans: Iterable[Prefix], past: Iterable[Prefix]
) -> tuple[RouteKind, Prefix] | None:
    """The longest match of one table; where two have it, the network that was there before."""
    best: tuple[RouteKind, Prefix] | None = None
    for kind, prefixes in (
        (RouteKind.LAN, lans),
        (RouteKind.UPLINK, past),
        (RouteKind.TUNNEL, tunnel),
    ):
        found = longest(prefixes, query.family, query.target)
        if found is not None and (best is None or found.length > best[1].length):
            best = kind, found
    return best


def read_policy_routing(conf: Conf, interface: str) -> PolicyRouting:
    """What `Table` and the `ip` hooks of a file make of its routes."""
    made = _Made(interface, conf)
    for line in (*conf.pre_up, *conf.post_up):
        for words in commands(line):
            if words[0].rpartition("/")[2] == "ip":
                made.run(list(words[1:]))
    return made.routing()


@dataclass(slots=True)
class IpCommand:
    """`ip -6 route add default dev wg0`: family, object, action and the rest."""

    family: int
    kind: str
    action: str
    rest: list[str]


def read_ip_command(words: list[str]) -> IpCommand:
    """Abbreviations are not resolved; an action that is left out is `show`."""
    family = 4
    words = words[: next((i for i, word in enumerate(words) if word in ("<", ">")), len(words))]
    while words and words[0].startswith("-"):
        flag = words.pop(0)
        if flag in ("-f", "-family") and words:
            flag = "-6" if words.pop(0) == "inet6" else "-4"
        family = {"-6": 6, "-4": 4}.get(flag, family)
    kind, action = (*words, "", "")[:2]
    return IpCommand(family, kind, action or "show", words[2:])


@dataclass(frozen=True, slots=True)
class RouteChange:
    """One `ip route` command: the table, the prefix, and whether it leads into the tunnel."""

    table: str
    prefix: Prefix
    tunnel: bool


def read_route(command: IpCommand, interface: str) -> RouteChange | None:
    """None for a route that cannot be read."""
    rest = [word for word in command.rest if word != "to"]
    kind = rest.pop(0) if rest and rest[0] in _KINDS else ""
    if not rest:
        return None
    text, pairs = rest[0], dict(pairwise(rest))
    if text == "default":
        text = "::/0" if command.family == 6 else "0.0.0.0/0"
    try:
        prefix = Prefix.parse(text)
    except PrefixFormatError:
        return None
    device = pairs.get("dev", "")
    tunnel = kind not in _ELSEWHERE and device in (TUNNEL, interface)
    return RouteChange(table_name(pairs.get("table", MAIN)), prefix, tunnel)


class _Made:
    """Routes and rules, command by command."""

    def __init__(self, interface: str, conf: Conf) -> None:
        self.interface = interface
        self.allowed = table_name(conf.table) if conf.table else MAIN
        self.rules: list[RoutingRule] = []
        self.routes: dict[tuple[str, Prefix], bool] = {}
        self.removed: dict[tuple[str, Prefix], None] = {}
        text = "".join((*conf.pre_up, *conf.post_up))
        self.marks = "MARK" in text

    def run(self, words: list[str]) -> None:
        command = read_ip_command(words)
        if command.kind == "rule":
            self._rule(command)
        elif command.kind in ("route", "r", "ro"):
            self._route(command)

    def routing(self) -> PolicyRouting:
        tunnel = tuple(key for key, inside in self.routes.items() if inside)
        past = tuple(key for key, inside in self.routes.items() if not inside and key[1].length)
        return PolicyRouting(
            self.interface, self.allowed, tuple(self.rules), tunnel, past, tuple(self.removed)
        )

    def _rule(self, command: IpCommand) -> None:
        rule = read_policy_rule(command.rest, command.family, self.interface)
        if rule is None:
            return
        if rule.mark is not None and self.marks:
            rule = rule._replace(known=False)  # some rule of the firewall sets marks
        if command.action in ("add", "a"):
            self._add_rule(rule)
        elif command.action in ("del", "delete", "d"):
            wanted = rule._replace(text="", priority=None)
            same = [r for r in self.rules if r._replace(text="", priority=None) == wanted]
            if same:
                self.rules.remove(same[0])

    def _add_rule(self, rule: RoutingRule) -> None:
        """A rule without a priority comes before all others (fib_default_rule_pref in Linux)."""
        if rule.priority is None:
            self.rules.insert(0, rule)
            return
        at = sum(
            (r.priority is not None and r.priority <= rule.priority)
            or (r.priority is None and rule.priority >= MAIN_PRIORITY - 1)
            for r in self.rules
        )
        self.rules.insert(at, rule)

    def _route(self, command: IpCommand) -> None:
        change = read_route(command, self.interface)
        if change is None:
            return
        key = change.table, change.prefix
        if command.action in ("add", "replace", "append", "change", "a"):
            self.routes[key] = change.tunnel
            self.removed.pop(key, None)
        elif command.action in ("del", "delete", "d"):
            if change.tunnel or "dev" not in command.rest:
                self.removed[key] = None
            self.routes.pop(key, None)
