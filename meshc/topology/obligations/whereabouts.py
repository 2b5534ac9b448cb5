"""The whereabouts of the nodes: who has which address, which LANs lie behind whom, who uses which
exit and asks which name server."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from meshc.errors import PrefixFormatError
from meshc.prefixes import Prefix
from meshc.topology.language.spec import NodeSpec, Spec
from meshc.values import dataclass, field

# RFC 6890, RFC 4291 section 2.4: what no exit passes on, because it is no part of the internet
_NOT_PUBLIC_TEXT = (
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 "
    "192.168.0.0/16 198.18.0.0/15 224.0.0.0/3 ::/8 fc00::/7 fe80::/9 ff00::/8"
)
NOT_PUBLIC = tuple(Prefix.parse(text) for text in _NOT_PUBLIC_TEXT.split())


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """`addresses` are of every node, `sites` where it is, `beside_site` the LANs of each site.
    `lans` are the routed prefixes with their routers, in the order of the routers; `exits` are
    the users with their exits, `speaks` the families in which those speak to the internet."""

    addresses: Mapping[str, tuple[Prefix, ...]] = field(default_factory=dict)
    sites: Mapping[str, str | None] = field(default_factory=dict)
    beside_site: Mapping[str, tuple[Prefix, ...]] = field(default_factory=dict)
    pools: tuple[Prefix, ...] = ()
    lans: tuple[tuple[Prefix, str], ...] = ()
    exits: Mapping[str, str] = field(default_factory=dict)
    speaks: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    relays: tuple[str, ...] = ()
    unmanaged: frozenset[str] = frozenset()
    domain: str | None = None

    @classmethod
    def of(
        cls, spec: Spec, addresses: Mapping[str, tuple[Prefix, ...]] = MappingProxyType({})
    ) -> Whereabouts:
        """`addresses` fill in for nodes to which the topology gives none."""
        nodes = spec.nodes.values()
        return cls(
            {node.name: node.addresses or addresses.get(node.name, ()) for node in nodes},
            {node.name: node.site for node in nodes},
            {name: site.lan for name, site in spec.sites.items()},
            spec.network.pools,
            tuple((route, node.name) for node in nodes for route in node.routes),
            {node.name: node.exit for node in nodes if node.exit in spec.nodes and node.exit},
            {node.name: node.underlay for node in nodes if node.exit_node},
            tuple(node.name for node in nodes if node.is_relay),
            frozenset(node.name for node in nodes if not node.managed),
            spec.network.domain,
        )

    def owner(self, address: Prefix) -> str | None:
        """The node that has an address."""
        return next((name for name, own in self.addresses.items() if address in own), None)

    def router(self, host: Prefix) -> str | None:
        """The node behind which a host lies: the one with the longest route."""
        around = [(prefix.length, name) for prefix, name in self.lans if prefix.contains(host)]
        return max(around, key=lambda one: one[0])[1] if around else None

    def beside(self, name: str, host: Prefix) -> bool:
        """Whether a host is on a LAN that the node is on: its packets never see the tunnel. A LAN
        of the same numbers elsewhere is another matter (W219)."""
        router = self.router(host)
        if router is not None and router != name and self.sites.get(router) != self.sites.get(name):
            return False
        site = self.sites.get(name)
        return router == name or any(
            lan.contains(host) for lan in self.beside_site.get(site or "", ())
        )

    def nested(self, name: str, host: Prefix) -> bool:
        """Whether a LAN that a node routes itself holds a host that lies behind another router."""
        own = any(router == name and prefix.contains(host) for prefix, router in self.lans)
        return own and self.router(host) != name

    def uses_exit(self, name: str, host: Prefix) -> bool:
        """Whether what a node sends to an address of nobody is for its exit to pass on."""
        special = any(prefix.contains(host) for prefix in (*self.pools, *NOT_PUBLIC))
        return name in self.exits and not special

    def name_servers(self, node: NodeSpec) -> tuple[Prefix, ...]:
        """The addresses that a node is told to ask; another node's name means its addresses."""
        found: dict[Prefix, None] = {}
        for word in node.dns:
            name = word.removesuffix(f".{self.domain}") if self.domain else word
            if name == node.name:
                continue
            for address in self.addresses.get(name) or _address(word):
                found[address] = None
        return tuple(found)


def _address(word: str) -> tuple[Prefix, ...]:
    """A word that is no address is a domain to search."""
    try:
        return (Prefix.host(word),)
    except PrefixFormatError:
        return ()
