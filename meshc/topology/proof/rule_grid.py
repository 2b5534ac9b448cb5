"""The chains of one node, asked about a whole grid of packets that begin something.

`Firewall` says what becomes of one packet; here a rule is a row of bits, and the packets of each
source go through the chains together. Both must agree, packet for packet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from meshc.prefixes import Prefix
from meshc.topology.proof.iptables_rule import Flow, Rule
from meshc.topology.proof.netfilter import DECIDES, DENIES, GOES_ON, Chain, Firewall
from meshc.topology.proof.packet_grid import PacketGrid
from meshc.values import dataclass, field

_Prefixes = tuple[Prefix, ...] | None
Bundle = tuple[Rule, _Prefixes, _Prefixes]
Bundles = Mapping[Chain, Sequence[Bundle]]
_DEEPEST = 16


class Verdicts(NamedTuple):
    """What becomes of the packets of one source, as rows that do not overlap: what is in none of
    them is not decided. `open` is decided by a rule that is beyond the proof."""

    accepted: int
    denied: int
    open: int


class _Step(NamedTuple):
    """A rule for those `sources` (bits) whose packets are in `row`."""

    rule: Rule
    sources: int
    row: int
    inner: Chain | None


@dataclass(slots=True)
class RuleGrid:
    firewall: Firewall
    bundles: Bundles
    grid: PacketGrid
    _rows: dict[Chain, list[_Step]] = field(default_factory=dict)
    _steps: dict[Chain, list[_Step]] = field(default_factory=dict)
    _flow: Flow = field(init=False)
    _source: int = 0
    _accepted: int = 0
    _denied: int = 0
    _open: int = 0

    def judge(self, hook: str, way_in: str, way_out: str) -> list[Verdicts]:
        """By source, the verdicts at one hook of the filter table."""
        self._flow = Flow(self.grid.family, 0, 0, way_in, way_out)
        self._steps.clear()
        chain = (self.grid.family, "filter", hook)
        denies = self.firewall.policies.get(chain, "ACCEPT") != "ACCEPT"
        everything = self.grid.row(self.grid.everywhere, self.grid.everything)
        found = []
        for number in range(len(self.grid.addresses)):
            self._source = 1 << number
            self._accepted = self._denied = self._open = 0
            left = self._run(chain, everything, 0)
            found.append(
                Verdicts(self._accepted, self._denied | (left if denies else 0), self._open)
            )
        return found

    def _run(self, chain: Chain, live: int, depth: int) -> int:
        """Decides what the chain decides; what is left comes back."""
        returned = 0
        for rule, sources, row, inner in self._of_chain(chain):
            if not sources & self._source:
                continue
            here = live & row
            if not here:
                continue
            if inner is not None and depth < _DEEPEST:
                left = self._run(inner, here, depth + 1)
                live ^= here
                if rule.goto:
                    returned |= left
                else:
                    live |= left
            elif rule.modelled and rule.target == "RETURN":
                live ^= here
                returned |= here
            elif rule.target not in GOES_ON:
                live ^= here
                self._decided(rule, here)
            if not live:
                break
        return live | returned

    def _decided(self, rule: Rule, here: int) -> None:
        if not (rule.modelled and rule.target in DECIDES):
            self._open |= here
        elif rule.target in DENIES:
            self._denied |= here
        else:
            self._accepted |= here

    def _of_chain(self, chain: Chain) -> list[_Step]:
        """The rules of a chain that are about packets on this way."""
        steps = self._steps.get(chain)
        if steps is None:
            if chain not in self._rows:
                self._rows[chain] = [*self._made(chain)]
            interface = self.firewall.interface
            steps = [one for one in self._rows[chain] if one.rule.on_its_way(self._flow, interface)]
            self._steps[chain] = steps
        return steps

    def _made(self, chain: Chain) -> Iterator[_Step]:
        for rule, sources, targets in self.bundles.get(chain, ()):
            services = self.grid.serving(rule.protocol, *(rule.ports or ()))
            row = self.grid.row(self._side(targets, rule, "-d"), services)
            from_ = self._side(sources, rule, "-s")
            if row and from_:
                inner = (chain[0], chain[1], rule.target)
                known = rule.modelled and inner in self.firewall.chains
                yield _Step(rule, from_, row, inner if known else None)

    def _side(self, prefixes: _Prefixes, rule: Rule, flag: str) -> int:
        if prefixes is None:
            return self.grid.everywhere
        inside = self.grid.within(prefixes)
        return self.grid.everywhere ^ inside if flag in rule.negated else inside


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
        if len(some) == 1 or {"-s", "-d"} & some[0].negated:
            yield from ((rule, _from(rule), _one(rule.destination)) for rule in some)
            continue
        targets: dict[object, list[Rule]] = {}
        for rule in some:
            key: object = (rule.protocol, rule.ports, rule.source, rule.sources)
            targets.setdefault(key, []).append(rule)
        sources: dict[object, tuple[Rule, _Prefixes, list[Rule]]] = {}
        for alike in targets.values():
            there = _union(_one(rule.destination) for rule in alike)
            key = (alike[0].protocol, alike[0].ports, there)
            sources.setdefault(key, (alike[0], there, []))[2].append(alike[0])
        for rule, there, alike in sources.values():
            yield rule, _union(map(_from, alike)), there


def _deed(rule: Rule) -> tuple[object, ...]:
    ways = (rule.way_in, rule.way_out, rule.negated)
    return (rule.target, rule.goto, rule.modelled, rule.states, *ways)


def _from(rule: Rule) -> _Prefixes:
    return rule.sources or _one(rule.source)


def _one(prefix: Prefix | None) -> _Prefixes:
    return None if prefix is None else (prefix,)


def _union(sides: Iterable[_Prefixes]) -> _Prefixes:
    """None, which is everything, as soon as one of them is."""
    found: list[Prefix] = []
    for side in sides:
        if side is None:
            return None
        found += side
    return tuple(found)
