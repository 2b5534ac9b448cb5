"""Is an endpoint an address that somebody else can reach?"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from meshc.diagnostics import Diagnostics
from meshc.prefixes import Prefix
from meshc.topology.language.read.document import Document
from meshc.topology.language.read.parsed_file import Path
from meshc.topology.language.schema.scalars import WrittenEndpoint
from meshc.topology.language.spec import Nat, NodeSpec, Spec
from meshc.topology.language.wording import quote


def _networks(*texts: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(text) for text in texts)


PRIVATE = _networks(
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",  # RFC 1918
    "100.64.0.0/10",  # RFC 6598
    "198.18.0.0/15",  # RFC 2544
    "fc00::/7",  # RFC 4193
)  # fmt: skip
DOCUMENTATION = _networks(
    "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24",  # RFC 5737
    "2001:db8::/32",  # RFC 3849
    "3fff::/20",  # RFC 9637
)  # fmt: skip
NOWHERE = _networks(
    "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4",  # RFC 6890
    "::/128", "::1/128", "fe80::/10", "ff00::/8",  # RFC 4291
)  # fmt: skip
# RFC 2606 and RFC 6761
RESERVED_DOMAINS = ("example", "invalid", "test", "localhost", "example.com", "example.net",
                    "example.org")  # fmt: skip


def check_endpoints(spec: Spec, document: Document, diagnostics: Diagnostics) -> None:
    """E141, W142, W143, I144 for every endpoint in the file; E167 for a LAN endpoint at another
    port; W147 behind a symmetric NAT."""
    for name, data in document.nodes.items():
        for index, endpoint in enumerate(data.get("endpoint", ())):
            _endpoint(document, diagnostics, ("nodes", name, "endpoint", index), endpoint)
        if "lan_endpoint" in data:
            _lan_endpoint(spec, document, diagnostics, name)
        if "endpoint" in data and spec.nodes[name].nat is Nat.SYMMETRIC:
            document.report(
                diagnostics,
                "W147",
                f"{quote(name)} has an endpoint behind a symmetric NAT, which gives every peer "
                "another port",
                ("nodes", name, "endpoint"),
                "if the router forwards the port, say `nat: full_cone` on this node.",
            )


def _endpoint(
    document: Document, diagnostics: Diagnostics, path: Path, endpoint: WrittenEndpoint
) -> None:
    if endpoint.family is None:
        _domain(document, diagnostics, path, endpoint.host)
        return
    address = ip_address(endpoint.host)
    if _nowhere(document, diagnostics, path, address):
        return
    if _within(address, DOCUMENTATION):
        document.report(
            diagnostics,
            "W143",
            f"{address} is an address for documentation",
            path,
            "write the real address or name of the node.",
        )
    elif _within(address, PRIVATE):
        document.report(
            diagnostics,
            "W142",
            f"{address} is a private address; the internet cannot reach it",
            path,
            "for nodes in the same place use `site` and `lan_endpoint`.",
        )


def _lan_endpoint(spec: Spec, document: Document, diagnostics: Diagnostics, name: str) -> None:
    path: Path = ("nodes", name, "lan_endpoint")
    endpoint: WrittenEndpoint = document.nodes[name]["lan_endpoint"]
    site = spec.nodes[name].site
    if site is None and ("nodes", name) not in document.damaged:
        document.report(
            diagnostics,
            "W147",
            f"{quote(name)} has a `lan_endpoint` but no `site`, so nobody uses it",
            path,
            "add `site:` to this node and to its neighbours.",
            key=True,
        )
    port = spec.nodes[name].listen_port
    if endpoint.port and endpoint.port != port:
        document.report(
            diagnostics,
            "E167",
            f"`lan_endpoint` of {quote(name)} has port {endpoint.port}, but its `listen_port` is "
            f"{port}",
            path,
            "inside a site nothing translates ports: leave the port out of `lan_endpoint`, or "
            "make both the same.",
        )
    if endpoint.family is None:
        return
    address = ip_address(endpoint.host)
    if _nowhere(document, diagnostics, path, address):
        return
    lan = [prefix.network() for prefix in spec.sites[site].lan] if site else []
    if site and not lan:
        _unknown_lan(spec, document, diagnostics, spec.nodes[name], site)
    if lan and not _within(address, tuple(lan)):
        document.report(
            diagnostics,
            "W152",
            f"{address} is in none of the networks of site {quote(site or '')}",
            path,
            f"correct the address, or add its network to `sites.{site}.lan`.",
        )


def _unknown_lan(
    spec: Spec, document: Document, diagnostics: Diagnostics, node: NodeSpec, site: str
) -> None:
    """A router offers the LAN of its own site, and nobody told the others that they are on it."""
    assert node.lan_endpoint is not None
    here = Prefix.host(node.lan_endpoint.host)
    offered = [prefix for prefix in node.routes if prefix.contains(here)]
    neighbours = [other.name for other in spec.nodes.values() if other.site == site]
    if offered and len(neighbours) > 1 and ("sites", site) not in document.damaged:
        document.report(
            diagnostics,
            "W161",
            f"{quote(node.name)} routes {offered[0]}, the LAN of its own site {quote(site)}",
            ("sites", site),
            f"add `lan: [{offered[0]}]` to the site.",
            key=True,
        )


def _nowhere(
    document: Document, diagnostics: Diagnostics, path: Path, address: IPv4Address | IPv6Address
) -> bool:
    if not _within(address, NOWHERE):
        return False
    document.report(
        diagnostics,
        "E141",
        f"no other machine can reach {address}",
        path,
        "write the address under which others see the node.",
    )
    return True


def _domain(document: Document, diagnostics: Diagnostics, path: Path, host: str) -> None:
    for domain in RESERVED_DOMAINS:
        if host == domain or host.endswith("." + domain):
            document.report(
                diagnostics,
                "I144",
                f"{quote(host)} is below the reserved domain {domain}, which never resolves",
                path,
                "write the real name before the network is used.",
            )


def _within(
    address: IPv4Address | IPv6Address, networks: tuple[IPv4Network | IPv6Network, ...]
) -> bool:
    return any(address in network for network in networks)
