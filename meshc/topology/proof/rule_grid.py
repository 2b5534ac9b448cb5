"""A grid of packets that begin something, sent through the chains of one node at once.

`Firewall` says what becomes of one packet; here sources, targets and services are three axes, and
a rule is a mask on each. Both must agree, packet for packet.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from meshc.prefixes import Prefix
from meshc.topology.proof.iptables_rule import Flow, Rule
from meshc.topology.proof.netfilter import DECIDES, DENIES, GOES_ON, Chain, Firewall
from meshc.topology.proof.peer_table import Bools, Longs
from meshc.values import dataclass, field

UNDECIDED, ACCEPTED, DENIED, OPEN = 0, 1, 2, 3
Verdicts = NDArray[np.int8]
_DEEPEST = 16


@dataclass(slots=True)
class RuleGrid:
    """`sources` and `targets` are addresses, `services` (protocol, port) pairs."""

    firewall: Firewall
    family: int
    sources: Sequence[int]
    targets: Sequence[int]
    services: Sequence[tuple[str, int]]
    _inside: dict[tuple[str, Prefix], Bools] = field(default_factory=dict)
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
        for rule in self.firewall.chains.get(chain, ()):
            if not self._considers(rule):
                continue
            r = np.flatnonzero(self._mask("s", rule.source, rule, "-s")[rows])
            c = np.flatnonzero(self._mask("d", rule.destination, rule, "-d")[columns])
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

    def _mask(self, axis: str, prefix: Prefix | None, rule: Rule, flag: str) -> Bools:
        addresses = self.sources if axis == "s" else self.targets
        if prefix is None:
            return np.ones(len(addresses), bool)
        known = self._inside.get((axis, prefix))
        if known is None:
            same = prefix.family == self.family
            first, last = prefix.value, prefix.last
            known = np.array([same and first <= a <= last for a in addresses], bool)
            self._inside[axis, prefix] = known
        return ~known if flag in rule.negated else known

    def _services(self, rule: Rule) -> Bools:
        key = (rule.protocol, rule.ports)
        known = self._served.get(key)
        if known is None:
            known = np.array([rule.serves(*service) for service in self.services], bool)
            self._served[key] = known
        return known
