"""A grid of packets that begin something, sent through the chains of one node at once.

`Firewall` says what becomes of one packet; here sources, targets and services are three axes, and
a rule is a mask on each. Both must agree, packet for packet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from meshc.prefixes import Prefix
from meshc.topology.proof.iptables_rule import Flow, Rule
from meshc.topology.proof.netfilter import DECIDES, DENIES, GOES_ON, Chain, Firewall
from meshc.topology.proof.peer_table import Bools, Longs
from meshc.values import dataclass, field

UNDECIDED, ACCEPTED, DENIED, OPEN = 0, 1, 2, 3
Verdicts = NDArray[np.int8]
_Prefixes = tuple[Prefix, ...] | None
Bundle = tuple[Rule, _Prefixes, _Prefixes]
Bundles = Mapping[Chain, Sequence[Bundle]]
_DEEPEST = 16


@dataclass(slots=True)
class RuleGrid:
    """`sources` and `targets` are addresses, `services` (protocol, port) pairs."""

    firewall: Firewall
    bundles: Bundles
    family: int
    sources: Sequence[int]
    targets: Sequence[int]
    services: Sequence[tuple[str, int]]
    _inside: dict[tuple[str, tuple[Prefix, ...]], Bools] = field(default_factory=dict)
    _served: dict[tuple[str, tuple[int, int] | None], Bools] = field(default_factory=dict)
    _found: Verdicts = field(init=False)
    _ways: tuple[str, str] = ("", "")

    def judge(self, hook: str, way_in: str, way_out: str) -> Verdicts:
        """A verdict for each packet at one hook of the filter table; OPEN where a rule decides
        that is beyond the proof."""
        shape = (len(self.sources), len(self.targets), len(self.services))
        self._found = np.zeros(shape, np.int8)
        self._ways = way_in, way_out
        live = np.ones(shape, bool)
        rows, columns = np.arange(shape[0]), np.arange(shape[1])
        left = self._run((self.family, "filter", hook), live, rows, columns, 0)
        policy = self.firewall.policies.get((self.family, "filter", hook), "ACCEPT")
        if policy != "ACCEPT":
            self._found[left] = DENIED
        return self._found

    def _run(self, chain: Chain, live: Bools, rows: Longs, columns: Longs, depth: int) -> Bools:
        """Decides what the chain decides; what is left comes back, as a mask of the same shape."""
        returned = np.zeros_like(live)
        live = live.copy()
        for rule, sources, targets in self.bundles.get(chain, ()):
            if not self._considers(rule):
                continue
            r = np.flatnonzero(self._mask("s", sources, rule, "-s")[rows])
            c = np.flatnonzero(self._mask("d", targets, rule, "-d")[columns])
            if not len(r) or not len(c):
                continue
            place = np.ix_(r, c)
            here = live[place] & self._services(rule)
            if not here.any():
                continue
            live[place] &= ~here
            gone, passed = self._decide(rule, chain, here, (rows[r], columns[c]), depth)
            returned[place] |= gone
            live[place] |= passed
        return live | returned

    def _decide(
        self, rule: Rule, chain: Chain, here: Bools, place: tuple[Longs, Longs], depth: int
    ) -> tuple[Bools, Bools]:
        """(what leaves the chain, what goes on to its next rule)."""
        nothing = np.zeros_like(here)
        inner = (chain[0], chain[1], rule.target)
        if inner in self.firewall.chains and rule.modelled and depth < _DEEPEST:
            left = self._run(inner, here, *place, depth + 1)
            return (left, nothing) if rule.goto else (nothing, left)
        if rule.modelled and rule.target == "RETURN":
            return here, nothing
        if rule.target in GOES_ON:
            return nothing, here
        verdict = OPEN
        if rule.modelled and rule.target in DECIDES:
            verdict = DENIED if rule.target in DENIES else ACCEPTED
        part = self._found[np.ix_(*place)]
        part[here] = verdict
        self._found[np.ix_(*place)] = part
        return nothing, nothing

    def _considers(self, rule: Rule) -> bool:
        """Whether interfaces and state are those of a packet that begins something here."""
        bare = Rule(
            rule.target,
            rule.text,
            rule.way_in,
            rule.way_out,
            states=rule.states,
            negated=rule.negated - {"-s", "-d"},
        )
        flow = Flow(self.family, 0, 0, *self._ways)
        return bare.may_match(flow, self.firewall.interface)

    def _mask(self, axis: str, prefixes: _Prefixes, rule: Rule, flag: str) -> Bools:
        addresses = self.sources if axis == "s" else self.targets
        if prefixes is None:
            return np.ones(len(addresses), bool)
        known = self._inside.get((axis, prefixes))
        if known is None:
            spans = [(p.value, p.last) for p in prefixes if p.family == self.family]
            known = np.array([any(f <= a <= t for f, t in spans) for a in addresses], bool)
            self._inside[axis, prefixes] = known
        return ~known if flag in rule.negated else known

    def _services(self, rule: Rule) -> Bools:
        key = (rule.protocol, rule.ports)
        known = self._served.get(key)
        if known is None:
            known = np.array([rule.serves(*service) for service in self.services], bool)
            self._served[key] = known
        return known


def bundles_of(firewall: Firewall, family: int) -> Bundles:
    """Of all chains of the filter table."""
    return {
        chain: [*_bundles(rules)]
        for chain, rules in firewall.chains.items()
        if chain[:2] == (family, "filter")
    }


def _bundles(rules: Iterable[Rule]) -> Iterator[Bundle]:
    """The rules of a chain, those together that stand beside each other, do the same, and differ
    in one side or in both services and one side: their order means nothing."""
    for _, run in groupby(rules, _deed):
        some = [*run]
        if {"-s", "-d"} & some[0].negated:
            yield from ((rule, _one(rule.source), _one(rule.destination)) for rule in some)
            continue
        targets: dict[object, list[Rule]] = {}
        for rule in some:
            targets.setdefault((rule.protocol, rule.ports, rule.source), []).append(rule)
        sources: dict[object, tuple[Rule, _Prefixes, list[Rule]]] = {}
        for alike in targets.values():
            there = _union(rule.destination for rule in alike)
            key = (alike[0].protocol, alike[0].ports, there)
            sources.setdefault(key, (alike[0], there, []))[2].append(alike[0])
        for rule, there, alike in sources.values():
            yield rule, _union(one.source for one in alike), there


def _deed(rule: Rule) -> tuple[object, ...]:
    states = None if rule.states is None else tuple(sorted(rule.states))
    ways = (rule.way_in, rule.way_out, tuple(sorted(rule.negated)))
    return (rule.target, rule.goto, rule.modelled, states, *ways)


def _one(prefix: Prefix | None) -> _Prefixes:
    return None if prefix is None else (prefix,)


def _union(prefixes: Iterable[Prefix | None]) -> _Prefixes:
    some = [*prefixes]
    found = tuple(prefix for prefix in some if prefix is not None)
    return found if len(found) == len(some) else None
