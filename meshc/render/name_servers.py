"""The name servers of one node: addresses, and domains to search.

wg-quick(8) takes every word that is no address for a search domain, and so do the apps. A name of
the network means the node that has it, and is written as its addresses.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshc.errors import PrefixFormatError
from meshc.prefixes import parse_address
from meshc.topology.planner.mesh_plan import MeshPlan, NodePlan


def name_servers(plan: MeshPlan, node: NodePlan) -> tuple[str, ...]:
    """In the order of the file, each once. A node that is named itself asks itself at no address
    of the tunnel; the network's domain is searched where there are servers."""
    words = dict.fromkeys(_words(plan, node))
    domain = plan.spec.network.domain
    if words and domain:
        words[domain] = None
    return tuple(words)


def is_address(word: str) -> bool:
    """Whether a word is a server, not a domain to search."""
    try:
        parse_address(word)
    except PrefixFormatError:
        return False
    return True


def _words(plan: MeshPlan, node: NodePlan) -> Iterator[str]:
    domain = plan.spec.network.domain
    for word in node.spec.dns:
        name = word.removesuffix(f".{domain}") if domain else word
        if name not in plan.nodes:
            yield word
        elif name != node.name:
            yield from (address.address for address in plan.nodes[name].addresses)
