"""Why two nodes have no direct link, in one sentence: for `meshc explain` and for findings."""

from __future__ import annotations

from meshc.topology.language.spec import DirectMode, LinkSpec, Nat, NodeSpec
from meshc.topology.planner.links.link import (
    allows,
    common_families,
    directions,
    endpoint_for,
    is_fixed,
    is_public,
)


def explain_no_link(a: NodeSpec, b: NodeSpec, override: LinkSpec | None) -> str:
    """The cause, naming the setting that would change it."""
    if override is not None and override.direct is False:
        return f"links: forbids a direct link between {a.name} and {b.name}"
    if directions(a, b) is not None:
        for node, other in ((a, b), (b, a)):
            if not allows(node, other) or node.direct is DirectMode.NONE:
                return f"{_direct_text(node)} does not include {other.name}"
    one, two = _cannot_be_called(a, b), _cannot_be_called(b, a)
    return f"{one}, and {two}"


def _direct_text(node: NodeSpec) -> str:
    if isinstance(node.direct, tuple):
        return f"the direct list of {node.name}"
    return f"direct: {node.direct.value} of {node.name}"


def _cannot_be_called(node: NodeSpec, caller: NodeSpec) -> str:
    """Why `caller` cannot start a handshake with `node`."""
    name = node.name
    if not node.endpoints:
        return f"{name} has no endpoint (it is behind a NAT)"
    if node.nat is Nat.SYMMETRIC:
        return f"the endpoint of {name} is useless behind a symmetric NAT"
    families = common_families(node, caller)
    if not families:
        return (
            f"{name} speaks {_families(node)} to the internet and {caller.name} {_families(caller)}"
        )
    if endpoint_for(node.endpoints, families) is None:
        return f"{name} has no {' or '.join(f'IPv{f}' for f in sorted(families))} endpoint"
    if is_fixed(node) and not is_public(node):
        return (
            f"{name} is behind a {node.nat.value.replace('_', '-')} NAT, "
            f"and {caller.name} has no fixed endpoint itself"
        )
    return f"{caller.name} cannot use the endpoint of {name}"


def _families(node: NodeSpec) -> str:
    return " and ".join(f"IPv{family}" for family in node.underlay) or "no address family"
