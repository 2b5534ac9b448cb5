"""Which nodes could talk at all, by the topology as it was written, and who meets whom over relays:
the slow counterpart of the planner's graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.support.packet_world import address_family, host_of, listed, underlay

Node = Mapping[str, Any]


class WrittenLinks:
    def __init__(self, data: Mapping[str, Any]) -> None:
        self.nodes: Mapping[str, Node] = data["nodes"]
        self.sites: Mapping[str, Node] = data.get("sites", {})
        self.forbidden = {
            frozenset(link["endpoints"]) for link in data.get("links", ()) if "direct" in link
        }

    def linked(self, a: str, b: str) -> bool:
        if frozenset((a, b)) in self.forbidden:
            return False
        return self._allows(a, b) and self._allows(b, a) and self._possible(a, b)

    def apart(self) -> list[tuple[str, str]]:
        """Every pair that has no way to each other, over any number of relays."""
        found = []
        for a in self.nodes:
            reached, fresh = {a}, [a]
            while fresh:
                here = fresh.pop()
                if here != a and self.nodes[here].get("role") != "relay":
                    continue
                more = [b for b in self.nodes if b not in reached and self.linked(here, b)]
                reached.update(more)
                fresh += more
            found += [(a, b) for b in self.nodes if b not in reached]
        return found

    def _allows(self, a: str, b: str) -> bool:
        direct = self.nodes[a].get("direct", "all")
        if isinstance(direct, list):
            return b in direct
        return direct == "all" or self.nodes[b].get("role") == "relay"

    def _possible(self, a: str, b: str) -> bool:
        one, other = self.nodes[a], self.nodes[b]
        inside = one.get("site") is not None and one.get("site") == other.get("site")
        if inside and (one.get("lan_endpoint") or other.get("lan_endpoint")):
            return True
        if self._open(a, b) or self._open(b, a):
            return True
        fixed = ("restricted", "port_restricted")
        both = self._nat(a) in fixed and self._nat(b) in fixed
        return both and self._named(a, b) and self._named(b, a)

    def _open(self, at: str, sender: str) -> bool:
        return self._nat(at) in ("none", "full_cone", "unknown") and self._named(at, sender)

    def _named(self, at: str, sender: str) -> bool:
        """Whether an endpoint of `at` is in a family that both speak."""
        common = self._families(at) & self._families(sender)
        for end in listed(self.nodes[at].get("endpoint")):
            if (address_family(host_of(end)) or common) & common:
                return True
        return False

    def _families(self, name: str) -> set[int]:
        return {*underlay(self.nodes[name])}

    def _nat(self, name: str) -> str:
        node = self.nodes[name]
        return str(node.get("nat", self.sites.get(node.get("site", ""), {}).get("nat", "unknown")))
