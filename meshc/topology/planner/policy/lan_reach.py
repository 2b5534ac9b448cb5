"""The reach of a node beyond the nodes: which LANs and which exit the policies leave it."""

from __future__ import annotations

from meshc.prefixes import Prefix
from meshc.topology.language.spec import NodeSpec, Spec
from meshc.topology.obligations.access import NO_RULES, Access, Rules
from meshc.topology.planner.addressing.allocation import Allocation
from meshc.values import dataclass, field


@dataclass(slots=True)
class LanReach:
    """Answers for nodes that relay nothing; a relay carries the LANs of all others. Nodes of the
    same rules are answered once."""

    access: Access | None = None
    spec: Spec | None = None
    allocation: Allocation | None = None
    _denied: dict[tuple[Rules, Rules], tuple[Prefix, ...]] = field(default_factory=dict)
    _lans: tuple[Prefix, ...] | None = None

    def denied_lans(self, node: NodeSpec) -> tuple[Prefix, ...]:
        """The LANs with which neither the node nor the LANs behind it may exchange anything."""
        if self.access is None or self.spec is None or node.is_relay:
            return ()
        if self._lans is None:
            others = self.spec.nodes.values()
            self._lans = tuple(sorted(route for other in others for route in other.routes))
        if not self._lans:
            return ()
        sends, receives = self._sides(node)
        key = (sends, receives)
        if key not in self._denied:
            self._denied[key] = tuple(
                route
                for route in self._lans
                if not self._meets(self.access, route, sends, receives)
            )
        own = frozenset(node.routes)
        return tuple(route for route in self._denied[key] if route not in own)

    def online(self, node: NodeSpec) -> bool:
        """Whether the node, or a LAN behind it, may use an exit."""
        if self.access is None or self.allocation is None:
            return True
        return self.access.online((*self.allocation.addresses[node.name], *node.routes))

    def _meets(self, access: Access, route: Prefix, sends: Rules, receives: Rules) -> bool:
        there = access.receivers[route.family].within((route,))
        here = access.senders[route.family].within((route,))
        return any(not sends.isdisjoint(s.rules) for s in there) or any(
            not receives.isdisjoint(s.rules) for s in here
        )

    def _sides(self, node: NodeSpec) -> tuple[Rules, Rules]:
        """The rules in which the node and its LANs send, and receive."""
        assert self.access is not None, "asked for a network with policies"
        assert self.allocation is not None, "comes with the policies"
        sends = receives = NO_RULES
        for prefix in (*self.allocation.addresses[node.name], *node.routes):
            for stretch in self.access.senders[prefix.family].within((prefix,)):
                sends |= stretch.rules
            for stretch in self.access.receivers[prefix.family].within((prefix,)):
                receives |= stretch.rules
        return sends, receives
