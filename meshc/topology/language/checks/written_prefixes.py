"""Prefixes and addresses as written: host bits, families, whose space they are."""

from __future__ import annotations

from ipaddress import ip_network

from meshc.diagnostics import Diagnostics
from meshc.prefixes import BITS, InterfaceAddress
from meshc.topology.language.checks.endpoints import DOCUMENTATION, PRIVATE
from meshc.topology.language.read.document import Document
from meshc.topology.language.read.parsed_file import Path
from meshc.topology.language.spec import Spec


def check_prefixes(spec: Spec, document: Document, diagnostics: Diagnostics) -> None:
    """W140 for prefixes with host bits, W154 for pools, E158 and I153 for addresses."""
    _host_bits(document, diagnostics, ("network", "addresses"), document.network)
    for name, data in document.sites.items():
        _host_bits(document, diagnostics, ("sites", name, "lan"), data)
    for name, data in document.nodes.items():
        _host_bits(document, diagnostics, ("nodes", name, "routes"), data)
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
