"""Silence by choice: who keeps no session alive because the topology says so."""

from __future__ import annotations

from collections.abc import Mapping

from meshc.topology.language.spec import Spec
from meshc.values import dataclass, field

# RFC 4787 REQ-5: a NAT keeps a UDP mapping two minutes; who speaks more seldom loses it.
LONGEST_SILENCE = 120


@dataclass(frozen=True, slots=True)
class Silence:
    """`nodes` are those whose `keepalive` keeps no NAT open, with its seconds (0: off); `links` are
    the seconds that were given for one pair."""

    nodes: Mapping[str, int] = field(default_factory=dict)
    links: Mapping[tuple[str, str], int] = field(default_factory=dict)

    @classmethod
    def of(cls, spec: Spec) -> Silence:
        nodes = {
            name: node.keepalive
            for name, node in spec.nodes.items()
            if not keeps_mapping(node.keepalive)
        }
        links = {
            (link.a, link.b): link.keepalive for link in spec.links if link.keepalive is not None
        }
        return cls(nodes, links)

    def chosen(self, sleeper: str, other: str) -> int | None:
        """The seconds that let `sleeper` lose its session with `other`; None when it must not."""
        pair = (sleeper, other) if sleeper < other else (other, sleeper)
        seconds = self.links.get(pair, self.nodes.get(sleeper))
        return None if keeps_mapping(seconds) else seconds

    def sleeps(self, name: str) -> bool:
        """Whether it may lose a session with anybody."""
        if name in self.nodes:
            return True
        return any(name in pair and not keeps_mapping(s) for pair, s in self.links.items())


def keeps_mapping(seconds: int | None) -> bool:
    """Whether a keepalive of so many seconds keeps the NAT open."""
    return seconds is not None and 0 < seconds <= LONGEST_SILENCE
