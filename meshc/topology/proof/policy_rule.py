"""The policy rule (`ip rule`): which packets look a routing table up.

A selector that the proof cannot evaluate does not count: the rule is then for no packet.
"""

from __future__ import annotations

from typing import NamedTuple

from meshc.errors import PrefixFormatError
from meshc.prefixes import Prefix
from meshc.topology.proof.iptables_rule import TUNNEL

MAIN = "main"
MAIN_PRIORITY = 32766
_NUMBERS = {254: MAIN, 253: "default", 255: "local"}
_WITH_VALUE = frozenset(
    ("from", "to", "iif", "dev", "fwmark", "table", "lookup", "priority", "pref", "preference",
     "order", "suppress_prefixlength", "sup_pl", "protocol")
)  # fmt: skip


class RouteQuery(NamedTuple):
    """A packet as `ip rule` sees it. `way_in` is '' for a packet of the node's own; `bound` when
    such a packet has its source already, as an answer has. A first packet has none yet: the
    route that is looked up decides it (RFC 1122 section 3.3.4.2; ip-rule(8))."""

    family: int
    source: int
    target: int
    way_in: str = ""
    bound: bool = False
    mark: int = 0


class RoutingRule(NamedTuple):
    """One rule; `known` is false when a selector is beyond the proof. `suppress` is the length
    up to which routes of the table are passed over (-1: none)."""

    family: int
    table: str
    text: str = ""
    source: Prefix | None = None
    target: Prefix | None = None
    iif: str = ""
    mark: tuple[int, int] | None = None
    negated: bool = False
    known: bool = True
    suppress: int = -1
    priority: int | None = None

    def matches(self, query: RouteQuery, interface: str) -> bool:
        """Whether this packet looks the table up."""
        if not self.known or self.family != query.family:
            return False
        source = query.source if query.way_in or query.bound else None
        holds = (
            _inside(self.source, source)
            and _inside(self.target, query.target)
            and (not self.iif or self._comes_in(query, interface))
            and (self.mark is None or query.mark & self.mark[1] == self.mark[0])
        )
        return holds != self.negated

    def _comes_in(self, query: RouteQuery, interface: str) -> bool:
        if self.iif == "lo":
            return not query.way_in
        return query.way_in == TUNNEL and self.iif in (TUNNEL, interface)


def table_name(text: str) -> str:
    """One name per table: `254` is `main`, `0xc8` is `200`."""
    try:
        number = int(text, 0)
    except ValueError:
        return text
    return _NUMBERS.get(number, str(number))


def read_policy_rule(words: list[str], family: int, interface: str) -> RoutingRule | None:
    """The rule behind `ip rule add`; None for one that looks no table up (`prohibit`, `goto`)."""
    given: dict[str, str] = {}
    negated, known, at = False, True, 0
    while at < len(words):
        word = words[at]
        if word == "not":
            negated = True
            at += 1
        elif word in _WITH_VALUE and at + 1 < len(words):
            given[word] = words[at + 1]
            at += 2
        elif word in ("blackhole", "prohibit", "unreachable", "goto", "nop"):
            return None
        else:
            known = False
            at += 1
    source, target = given.get("from"), given.get("to")
    mark, priority = given.get("fwmark"), _number(given, *_PRIORITY)
    iif = given.get("iif", given.get("dev", ""))
    known &= iif in ("", "lo", TUNNEL, interface)
    rule = RoutingRule(
        family,
        table_name(given.get("table", given.get("lookup", MAIN))),
        " ".join(words),
        _prefix(source),
        _prefix(target),
        iif,
        _mark(mark) if mark is not None else None,
        negated,
        suppress=-1 if (least := _number(given, *_SUPPRESS)) is None else least,
        priority=priority,
    )
    readable = all(
        text in (None, "all", "any", "default") or prefix is not None
        for text, prefix in ((source, rule.source), (target, rule.target))
    )
    return rule._replace(known=known and readable and (mark is None or rule.mark is not None))


_PRIORITY = ("priority", "pref", "preference", "order")
_SUPPRESS = ("suppress_prefixlength", "sup_pl")


def _number(given: dict[str, str], *names: str) -> int | None:
    for name in names:
        try:
            return int(given[name], 0)
        except (KeyError, ValueError):
            continue
    return None


def _mark(text: str) -> tuple[int, int] | None:
    value, _, mask = text.partition("/")
    try:
        return int(value, 0), int(mask, 0) if mask else 0xFFFFFFFF
    except ValueError:
        return None


def _prefix(text: str | None) -> Prefix | None:
    try:
        return Prefix.parse(text) if text is not None else None
    except PrefixFormatError:
        return None


def _inside(prefix: Prefix | None, address: int | None) -> bool:
    if prefix is None or not prefix.length:
        return True
    return address is not None and prefix.value <= address <= prefix.last
