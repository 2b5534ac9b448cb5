"""Prefixes and addresses as written: host bits, families, whose space they are."""

from __future__ import annotations

from ipaddress import ip_network

from meshc.diagnostics import Diagnostics
from meshc.prefixes import BITS, InterfaceAddress, Prefix
from meshc.topology.language.checks.endpoints import DOCUMENTATION, PRIVATE
from meshc.topology.language.read.document import Document
from meshc.topology.language.read.parsed_file import Path
from meshc.topology.language.spec import Spec

# No packet to these crosses a router, whatever a table says: hosts drop them as martians, or each
# link has its own (RFC 1122 section 3.2.1.3, RFC 5771, RFC 4291 section 2.4).
_NOT_ROUTED = (
    (Prefix.parse("0.0.0.0/8"), "this host"),
    (Prefix.parse("127.0.0.0/8"), "loopback"),
    (Prefix.parse("224.0.0.0/4"), "multicast"),
    (Prefix.parse("255.255.255.255/32"), "broadcast"),
    (Prefix.parse("::/128"), "no address"),
    (Prefix.parse("::1/128"), "loopback"),
    (Prefix.parse("fe80::/10"), "link-local"),
    (Prefix.parse("ff00::/8"), "multicast"),
)


def check_prefixes(spec: Spec, document: Document, diagnostics: Diagnostics) -> None:
    """W140 for prefixes with host bits, E165 where no packet goes, E166 for a family without
    addresses, W154 for pools, E158 and I153 for addresses."""
    _host_bits(document, diagnostics, ("network", "addresses"), document.network)
    for name, data in document.sites.items():
        _host_bits(document, diagnostics, ("sites", name, "lan"), data)
    for name, data in document.nodes.items():
        _host_bits(document, diagnostics, ("nodes", name, "routes"), data)
        _families(spec, document, diagnostics, name)
        if "address" in data:
            _addresses(document, diagnostics, ("nodes", name, "address"), data["address"])
    for index, pool in enumerate(document.network.get("addresses", ())):
        _pool(document, diagnostics, ("network", "addresses", index), pool)


def _host_bits(
    document: Document, diagnostics: Diagnostics, path: Path, data: dict[str, object]
) -> None:
    written = data.get(str(path[-1]))
    if not isinstance(written, list):
        return
    for index, prefix in enumerate(written):
        if prefix.network.value != prefix.value:
            document.report(
                diagnostics,
                "W140",
                f"{prefix} has host bits set; it is read as {prefix.network}",
                (*path, index),
                f"write {prefix.network}.",
            )
        kind = _not_routed(prefix.network)
        if kind:
            document.report(
                diagnostics,
                "E165",
                f"no packet gets to {prefix.network}: it is {kind} space",
                (*path, index),
                "remove it; only unicast addresses are routed.",
            )


def _not_routed(prefix: Prefix) -> str:
    """What the prefix is when nobody routes any part of it, else empty text."""
    return next((kind for space, kind in _NOT_ROUTED if space.contains(prefix)), "")


def _families(spec: Spec, document: Document, diagnostics: Diagnostics, name: str) -> None:
    """A node without an address of the route's family has no source that the filters let in."""
    pools = {pool.family for pool in spec.network.pools}
    for index, route in enumerate(document.nodes[name].get("routes", ())):
        if pools and route.family not in pools and not _not_routed(route.network):
            document.report(
                diagnostics,
                "E166",
                f"nobody can use the route {route.network}: the network has no "
                f"IPv{route.family} addresses",
                ("nodes", name, "routes", index),
                f"add an IPv{route.family} pool to `network.addresses`, or remove the route.",
            )


def _addresses(
    document: Document, diagnostics: Diagnostics, path: Path, written: list[InterfaceAddress]
) -> None:
    families: set[int] = set()
    for index, address in enumerate(written):
        if address.family in families:
            document.report(
                diagnostics,
                "E158",
                f"{address.address} is a second IPv{address.family} address",
                (*path, index),
                "keep one; addresses behind the node go to `routes`.",
            )
        families.add(address.family)
        if address.length != BITS[address.family]:
            document.report(
                diagnostics,
                "I153",
                f"{address} is read as the address {address.address}",
                (*path, index),
                f"write {address.address}.",
            )


def _pool(document: Document, diagnostics: Diagnostics, path: Path, pool: InterfaceAddress) -> None:
    if _not_routed(pool.network):
        return  # told as an error
    network = ip_network(str(pool.network))
    same = [n for n in (*PRIVATE, *DOCUMENTATION) if n.version == network.version]
    inside = [n for n in same if n.supernet_of(network)]  # type: ignore[arg-type]
    if inside and inside[0] in PRIVATE:
        return
    space = "for documentation" if inside else "of the public internet"
    document.report(
        diagnostics,
        "W154",
        f"{pool.network} is address space {space}",
        path,
        "use private space, such as 10.44.0.0/24 or a random prefix of fd00::/8.",
    )
