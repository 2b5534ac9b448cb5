"""The policies' say in direct links: least privilege, before addresses are known.

A pair without any allowed traffic gets no link. A link to a node that cannot filter exists only
where everything that it could carry is allowed, because nobody would look; relays and exits look
at all that they forward and send, and keep their links.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from meshc.prefixes import Prefix, collapse, without
from meshc.topology.language.spec import EVERYTHING, NodeSpec, PolicyEnd, PolicySpec, Spec
from meshc.topology.obligations.access import Rules
from meshc.values import dataclass


@dataclass(frozen=True, slots=True)
class LinkSide:
    """One node with the LANs behind it. `sends` and `receives` are the rules that are about any
    part of it; `all_out` and `all_in` those that let everything pass, for each part by itself.
    `online` says that it may use its exit."""

    sends: Rules
    receives: Rules
    all_out: tuple[Rules, ...]
    all_in: tuple[Rules, ...]
    online: bool


@dataclass(frozen=True, slots=True)
class LinkPolicy:
    """The sides of all nodes by name; none without policies."""

    sides: Mapping[str, LinkSide]

    @classmethod
    def of(cls, spec: Spec) -> LinkPolicy:
        if spec.policies is None:
            return cls({})
        rules = _NumberedRules.of([_RuleEnds.of(rule) for rule in spec.policies])
        senders, receivers = (
            _named(r.sources for r in rules.all),
            _named(r.targets for r in rules.all),
        )
        none: frozenset[int] = frozenset()
        return cls(
            {
                name: _side(node, rules, senders.get(name, none), receivers.get(name, none))
                for name, node in spec.nodes.items()
            }
        )

    def kind(self, node: NodeSpec) -> Hashable:
        """Equal for nodes that are told apart by no policy, as far as links go."""
        if not self.sides:
            return None
        side = self.sides[node.name]
        return (
            side,
            node.filters,
            node.exit if side.online else None,
            node.exit_node and node.name,
        )

    def permits(self, a: NodeSpec, b: NodeSpec) -> bool:
        """Whether the policies leave a direct link between two nodes."""
        return not self.objection(a, b)

    def objection(self, a: NodeSpec, b: NodeSpec) -> str:
        """Why not, as a sentence; empty when they do."""
        if not self.sides or a.is_relay or b.is_relay:
            return ""
        for user, exit_ in ((a, b), (b, a)):
            if user.exit == exit_.name and exit_.filters and self.sides[user.name].online:
                return ""
        if not self.speak(a.name, b.name):
            return f"no rule of `policies:` allows anything between {a.name} and {b.name}"
        for one, other in ((a, b), (b, a)):
            if other.filters or one.is_guard or self._carries_all(one.name, other.name):
                continue
            return (
                f"{other.name} cannot filter, and `policies:` does not allow all that {one.name} "
                "could send it"
            )
        return ""

    def speak(self, a: str, b: str) -> bool:
        """Whether anything is allowed between two nodes and their LANs, either way."""
        if not self.sides:
            return True
        one, other = self.sides[a], self.sides[b]
        return bool(one.sends & other.receives or other.sends & one.receives)

    def _carries_all(self, a: str, b: str) -> bool:
        out, in_ = self.sides[a].all_out, self.sides[b].all_in
        return all(there & here for there in out for here in in_)


EVERYBODY = LinkPolicy({})


@dataclass(frozen=True, slots=True)
class _RuleEnds:
    """Of one rule: who is left on each side once `except` is taken out."""

    sources: frozenset[str]
    targets: frozenset[str]
    from_prefixes: tuple[Prefix, ...]
    to_prefixes: tuple[Prefix, ...]
    everything: bool
    internet: bool

    @classmethod
    def of(cls, rule: PolicySpec) -> _RuleEnds:
        gone = rule.excluded

        def left(end: PolicyEnd) -> tuple[frozenset[str], tuple[Prefix, ...]]:
            prefixes = collapse(end.prefixes)
            if gone.prefixes:
                prefixes = without(prefixes, gone.prefixes)
            return frozenset(end.nodes) - frozenset(gone.nodes), prefixes

        sources, targets = left(rule.sources), left(rule.targets)
        return cls(
            sources[0],
            targets[0],
            sources[1],
            targets[1],
            # a part that is taken out again may be a part of a node: then nothing is certain
            EVERYTHING in rule.services and not gone.prefixes,
            rule.targets.internet and not gone.internet,
        )


def _named(ends: Iterable[Iterable[str]]) -> dict[str, Rules]:
    """By node, the rules that name it."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for number, names in enumerate(ends):
        for name in names:
            found[name].append(number)
    return {name: frozenset(numbers) for name, numbers in found.items()}


class _NumberedRules(NamedTuple):
    """All rules; the numbers of those that let everything pass, and the few that name prefixes on
    one side."""

    all: Sequence[_RuleEnds]
    whole: Sequence[int]
    from_prefixes: Sequence[tuple[int, tuple[Prefix, ...]]]
    to_prefixes: Sequence[tuple[int, tuple[Prefix, ...]]]

    @classmethod
    def of(cls, rules: Sequence[_RuleEnds]) -> _NumberedRules:
        return cls(
            rules,
            [n for n, rule in enumerate(rules) if rule.everything],
            [(n, rule.from_prefixes) for n, rule in enumerate(rules) if rule.from_prefixes],
            [(n, rule.to_prefixes) for n, rule in enumerate(rules) if rule.to_prefixes],
        )


def _side(node: NodeSpec, rules: _NumberedRules, sends: Rules, receives: Rules) -> LinkSide:
    """`sends` and `receives` are the rules that name the node."""
    sends |= {n for n, prefixes in rules.from_prefixes if _touches(node, prefixes)}
    receives |= {n for n, prefixes in rules.to_prefixes if _touches(node, prefixes)}
    every = rules.all
    return LinkSide(
        sends,
        receives,
        tuple(_parts(node, {n: (every[n].sources, every[n].from_prefixes) for n in rules.whole})),
        tuple(_parts(node, {n: (every[n].targets, every[n].to_prefixes) for n in rules.whole})),
        any(every[n].internet for n in sends),
    )


def _touches(node: NodeSpec, prefixes: tuple[Prefix, ...]) -> bool:
    own = (*node.addresses, *node.routes)
    return any(prefix.overlaps(part) for prefix in prefixes for part in own)


def _parts(
    node: NodeSpec, ends: Mapping[int, tuple[frozenset[str], tuple[Prefix, ...]]]
) -> Iterator[Rules]:
    """For the node and for each LAN behind it, the rules that hold all of it."""
    yield frozenset(n for n, (names, _) in ends.items() if node.name in names)
    for lan in node.routes:
        yield frozenset(
            n for n, (_, prefixes) in ends.items() if any(p.contains(lan) for p in prefixes)
        )
