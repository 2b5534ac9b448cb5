"""Silence by choice: who keeps no session alive because the topology says so."""

from __future__ import annotations

from collections.abc import Mapping

from meshc.topology.language.spec import Spec
from meshc.values import dataclass, field


@dataclass(frozen=True, slots=True)
class Silence:
    """`nodes` have `keepalive: off`; `links` say for one pair whether it is off there."""

    nodes: frozenset[str] = frozenset()
    links: Mapping[tuple[str, str], bool] = field(default_factory=dict)

    @classmethod
    def of(cls, spec: Spec) -> Silence:
        nodes = frozenset(name for name, node in spec.nodes.items() if node.keepalive == 0)
        links = {
            (link.a, link.b): link.keepalive == 0
            for link in spec.links
            if link.keepalive is not None
        }
        return cls(nodes, links)

    def chosen(self, sleeper: str, other: str) -> bool:
        """Whether `sleeper` need not keep its session with `other` alive."""
        pair = (sleeper, other) if sleeper < other else (other, sleeper)
        return self.links.get(pair, sleeper in self.nodes)
