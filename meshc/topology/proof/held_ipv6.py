"""Held IPv6: whether a node's own rules keep every IPv6 packet for the internet from leaving.

Read by itself, rule by rule, as Linux goes through them: elsewhere the proof follows IPv6 only
where nodes have addresses of it. A line that might not run closes nothing, and one that might open
something does; what cannot be read opens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

from meshc.prefixes import Prefix
from meshc.topology.obligations.whereabouts import NOT_PUBLIC
from meshc.topology.proof.hook_commands import commands
from meshc.topology.proof.iptables_rule import TUNNEL
from meshc.topology.proof.policy_routing import (
    IpCommand,
    PolicyRouting,
    read_ip_command,
    read_route,
)
from meshc.topology.proof.policy_rule import (
    MAIN,
    MAIN_PRIORITY,
    RouteQuery,
    RoutingRule,
    read_policy_rule,
)
from meshc.wg.conf import Conf

_FAMILY = 6
_ANYWHERE = Prefix.host("2606:4700:4700::1111")
# the one condition that may stand before a line: a kernel without IPv6 lets none of it out
_GUARD = "[ ! -e /proc/net/if_inet6 ] || "
_MARKS = re.compile(
    r"table ip6 meshc-hold-%i \{ chain premangle \{ type filter hook prerouting priority -150; "
    r"meta l4proto udp meta mark set ct mark; \}; chain postmangle \{ type filter hook postrouting "
    r"priority -150; meta l4proto udp meta mark \d+ ct mark set meta mark; \}; \}"
)
_SETS_MARK = re.compile(r"--(?:set-mark|set-xmark|or-mark) (\w+)|\bmark set (\w+)")


class IPv6Hold(NamedTuple):
    """`rules` are those that send packets to a table without a way out, and the one before them;
    `fault` says why they hold nothing, and is empty where they do."""

    rules: tuple[RoutingRule, ...]
    fault: str


def keeps_marks(words: tuple[str, ...]) -> bool:
    """Whether an nft command keeps the mark of WireGuard's own packets for the answers to them,
    or stops doing so, and does no more."""
    if words[1:] == ("delete", "table", "ip6", f"meshc-hold-{TUNNEL}", *words[5:]):
        return words[5:6] in ((), (">",))
    return words[2:3] in ((), (">",)) and bool(_MARKS.fullmatch(words[1] if words[1:] else ""))


def read_ipv6_hold(conf: Conf, routing: PolicyRouting) -> IPv6Hold | None:
    """None for a file in which nothing is meant to be one. `routing` has its rules in order."""
    closed, mixed = _tables(conf)
    sure = set(_sure_rules(conf))
    rules = [r for r in routing.rules if r.family == _FAMILY]
    meant = [r for r in rules if r.table in closed]
    if not meant:
        return None
    for query in _queries(routing, rules):
        reader = _Reader(conf, routing, rules, sure, closed - mixed)
        if not reader.holds(query):
            return IPv6Hold((), reader.why)
    odd = next(_odd(conf), "")
    if odd:
        return IPv6Hold((), f"`{odd}` cannot be judged")
    mark = conf.fwmark or 0
    if _Reader(conf, routing, rules, sure, closed).holds(
        RouteQuery(_FAMILY, 0, _ANYWHERE.value, mark=mark)
    ):
        return IPv6Hold((), "WireGuard's own packets are held back as well")
    passed = [r for r in rules if r.table == MAIN and r.suppress >= 0]
    return IPv6Hold((*meant, *passed), "")


class _Reader:
    """One packet on its way through the rules; `why` is what let it out."""

    def __init__(
        self,
        conf: Conf,
        routing: PolicyRouting,
        rules: list[RoutingRule],
        sure: set[str],
        closed: set[str],
    ) -> None:
        self.routing, self.rules, self.sure, self.closed = routing, rules, sure, closed
        self.marks = _marks_set(conf)
        self.why = "no rule sends it to a table without a way out"

    def holds(self, query: RouteQuery) -> bool:
        for rule in self.rules:
            if (rule.priority or 0) > MAIN_PRIORITY:
                break
            # the firewall of the file matters for the very mark alone
            bare = read_policy_rule(rule.text.split(), _FAMILY, self.routing.interface) or rule
            if bare.known and not bare.matches(query, self.routing.interface):
                continue
            if not bare.known:
                self.why = f"`ip rule add {rule.text}` cannot be judged"
                return False
            if rule.table in self.closed and rule.text in self.sure:
                if bare.mark is not None and bare.mark[0] in self.marks:
                    self.why = f"the firewall gives other packets the mark {bare.mark[0]}"
                    return False
                return True
            if not self._passed_over(bare, query):
                self.why = f"`ip rule add {rule.text}` lets it out"
                return False
        return False

    def _passed_over(self, rule: RoutingRule, query: RouteQuery) -> bool:
        """Whether the rule finds no route: a default route is suppressed, and no other is known to
        stand in main."""
        if rule.table in self.closed:
            return True  # a line that may not have run
        written = (
            prefix
            for table, prefix in (*self.routing.added, *self.routing.elsewhere)
            if table == MAIN and prefix.family == _FAMILY and prefix.length > rule.suppress
        )
        inside = any(prefix.value <= query.target <= prefix.last for prefix in written)
        return rule.table == MAIN and rule.suppress >= 0 and not inside


def _queries(routing: PolicyRouting, rules: list[RoutingRule]) -> Iterator[RouteQuery]:
    """Packets of the node's own and forwarded ones, with each source that a rule is about."""
    targets = (_ANYWHERE.value, *_named(routing, rules))
    sources = (0, *(rule.source.value for rule in rules if rule.source is not None))
    for target, source, way_in in product(targets, sources, ("", "another interface")):
        yield RouteQuery(_FAMILY, source, target, way_in, bound=bool(source))


def _odd(conf: Conf) -> Iterator[str]:
    """Commands that may take rules away, or lead past them."""
    for line in (*conf.pre_up, *conf.post_up):
        for words in commands(line):
            command = _ip(words)
            rule = command is not None and command.kind == "rule"
            if command is None or not (rule or "flush" in words):
                continue
            known = command.action in ("add", "a", "del", "delete", "d", "show", "list", "ls")
            if not known or "goto" in words or "flush" in words:
                yield " ".join(words)


def _named(routing: PolicyRouting, rules: list[RoutingRule]) -> Iterator[int]:
    """Public addresses that a rule or a route is about: one each."""
    prefixes = {rule.target for rule in rules if rule.target is not None}
    prefixes |= {p for _, p in (*routing.added, *routing.elsewhere) if p.family == _FAMILY}
    for prefix in sorted(prefixes):
        if not any(one.contains(prefix) for one in NOT_PUBLIC):
            yield prefix.value


def _sure_rules(conf: Conf) -> Iterator[str]:
    """The rules of lines that are one command, or one behind the condition."""
    for line in (*conf.pre_up, *conf.post_up):
        found = [*commands(line.removeprefix(_GUARD))]
        if len(found) == 1:
            command = _ip(found[0])
            if command is not None and command.kind == "rule" and command.action == "add":
                yield " ".join(command.rest)


def _tables(conf: Conf) -> tuple[set[str], set[str]]:
    """Tables with a route that says unreachable to all of IPv6, and those with any other."""
    closed: set[str] = set()
    mixed: set[str] = set()
    for line in conf.post_up:
        found = [*commands(line)]
        sure = len([*commands(line.removeprefix(_GUARD))]) == 1
        for words in found:
            command = _ip(words)
            change = read_route(command, "") if command is not None else None
            if command is None or change is None or command.kind not in ("route", "r", "ro"):
                continue
            everything = not change.prefix.length and command.rest[0] == "unreachable"
            if command.action in ("add", "replace") and everything:
                closed |= {change.table} if sure else set()
            elif command.action in ("add", "replace", "append", "change", "a"):
                mixed.add(change.table)
            else:
                closed.discard(change.table)
    return closed, mixed


def _ip(words: tuple[str, ...]) -> IpCommand | None:
    if words[0].rpartition("/")[2] != "ip":
        return None
    command = read_ip_command(list(words[1:]))
    return command if command.family == _FAMILY else None


def _marks_set(conf: Conf) -> set[int]:
    """Marks that other rules of the file give to packets."""
    found = set()
    for line in (*conf.pre_up, *conf.post_up):
        for match in _SETS_MARK.finditer(line):
            for text in match.groups():
                try:
                    found.add(int(text or "", 0))
                except ValueError:
                    continue
    return found
