"""Policies as rules of RouterOS: a chain in which rules that allow return, and address lists.

RouterOS has no goto, so that there is one chain and not one a sender. Addresses of a list are
looked up at once, whatever their number: what a packet costs grows with the rules, not the nodes.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from meshc.prefixes import Prefix
from meshc.render.escape import routeros_word
from meshc.topology.language.spec import EVERYTHING, Service
from meshc.topology.planner.policy.flow_rules import AccessRules
from meshc.values import dataclass

_ICMP = {4: "icmp", 6: "icmpv6"}
_BEGINS = "connection-state=!established,related"


@dataclass(frozen=True)
class RouterPolicies:
    """The part of one family; nothing at all without `access`."""

    interface: str
    family: int
    access: AccessRules | None

    @property
    def chain(self) -> str:
        return routeros_word(f"meshc-{self.interface}-access")

    def entries(self) -> Iterator[str]:
        """The arguments that make the address lists."""
        for prefixes, name in self._lists.items():
            for prefix in prefixes:
                bare = prefix.is_host and self.family == 4
                yield f"list={name} address={prefix.address if bare else prefix}"

    def rules(self) -> Iterator[str]:
        """The arguments of the filter rules, in their order."""
        access = self.access
        if access is None:
            return
        wire, look = routeros_word(self.interface), f"action=jump jump-target={self.chain}"
        for row in access.rows:
            for targets, services in row.grants:
                ends = f"{self._end('src', row.sources)} {self._end('dst', targets)}"
                for service in services:
                    words = ("action=return", ends, _service(service, self.family))
                    yield f"chain={self.chain} {' '.join(filter(None, words))}"
        yield f"chain={self.chain} action=drop"
        # an address of the router that is none of the network's is nobody's business there
        entering = f"chain=input in-interface={wire} {_BEGINS}"
        own = f" {self._end('dst', access.inbound, no=True)}" if access.inbound else ""
        yield f"{entering} action=drop{own}"
        yield f"{entering} {look}"
        yield f"chain=forward in-interface={wire} {_BEGINS} {look}"
        leaving = f"out-interface={wire} {_BEGINS}"
        if access.lans:
            yield f"chain=forward {leaving} {look} {self._end('src', access.lans)}"
        if access.strangers:
            strangers = self._end("src", access.strangers)
            yield f"chain=forward in-interface=!{wire} out-interface={wire} action=drop {strangers}"
        if access.outbound:
            yield f"chain=output {leaving} {look}"

    @cached_property
    def _lists(self) -> dict[tuple[Prefix, ...], str]:
        """Names by what the lists hold."""
        if self.access is None:
            return {}
        rows = self.access.rows
        ends = [row.sources for row in rows]
        ends += [grant.targets for row in rows for grant in row.grants]
        ends += [self.access.inbound, self.access.lans, self.access.strangers]
        several = dict.fromkeys(end for end in ends if len(end) > 1)
        name = f"meshc-{self.interface}"
        return {end: routeros_word(f"{name}-{n}") for n, end in enumerate(several, 1)}

    def _end(self, side: str, prefixes: tuple[Prefix, ...], *, no: bool = False) -> str:
        sign = "!" if no else ""
        if len(prefixes) == 1:
            return f"{side}-address={sign}{prefixes[0]}"
        return f"{side}-address-list={sign}{self._lists[prefixes]}"


def _service(service: Service, family: int) -> str:
    protocol, first, last = service
    if service == EVERYTHING:
        return ""
    if protocol == "icmp":
        return f"protocol={_ICMP[family]}"
    if (first, last) == (0, 65535):
        return f"protocol={protocol}"
    return f"protocol={protocol} dst-port={first}" + (f"-{last}" if last != first else "")
