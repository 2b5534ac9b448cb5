"""Which of two nodes can start a handshake with the other, and where.

Reachability follows RFC 4787: an endpoint-independent mapping whose filter is open (no NAT, a full
cone, a forwarded port) can be reached by anybody. A filtering NAT lets a packet in only from
where its node has sent one, so that two such nodes meet only when both know the other's fixed
endpoint and both keep sending. Behind a symmetric NAT the mapping differs for every peer and a
written endpoint is worth nothing.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from meshc.topology.language.spec import DirectMode, LinkSpec, Nat, NodeSpec
from meshc.wg.endpoint import Endpoint

OPEN_NATS = frozenset({Nat.NONE, Nat.FULL_CONE, Nat.UNKNOWN})


class LinkReason(Enum):
    """Why a direct link exists; the values are printed."""

    LAN = "same site, at the LAN endpoint"
    PUBLIC = "a public endpoint"
    FIXED = "fixed endpoints on both sides"


class Link(NamedTuple):
    """One direct link. `to_b` is the endpoint that `a` writes for `b`, None when `a` cannot start.

    `keepalive_a` is the interval in seconds that `a` keeps towards `b`. A LAN endpoint with port 0
    stands for the listen port that is allocated later.
    """

    a: str
    b: str
    reason: LinkReason
    to_a: Endpoint | None
    to_b: Endpoint | None
    keepalive_a: int | None
    keepalive_b: int | None
    preshared: bool


def is_public(node: NodeSpec) -> bool:
    """True when anybody on the internet can start a handshake with the node."""
    return bool(node.endpoints) and node.nat in OPEN_NATS


def is_fixed(node: NodeSpec) -> bool:
    """True when the node's endpoint is usable only by peers that the node itself sends to."""
    return bool(node.endpoints) and node.nat in (Nat.RESTRICTED, Nat.PORT_RESTRICTED)


@lru_cache(maxsize=1 << 16)
def endpoint_for(endpoints: tuple[Endpoint, ...], families: frozenset[int]) -> Endpoint | None:
    """The first endpoint in one of `families`; a host name counts for both families."""
    for endpoint in endpoints:
        if families and (endpoint.family is None or endpoint.family in families):
            return endpoint
    return None


def common_families(a: NodeSpec, b: NodeSpec) -> frozenset[int]:
    """The address families in which both nodes speak to the internet."""
    return frozenset(a.underlay) & frozenset(b.underlay)


def same_site(a: NodeSpec, b: NodeSpec) -> bool:
    return a.site is not None and a.site == b.site


def directions(
    a: NodeSpec, b: NodeSpec
) -> tuple[LinkReason, Endpoint | None, Endpoint | None] | None:
    """What is physically possible between two nodes: why, the endpoint of `a`, that of `b`.

    None when neither side can start. A LAN endpoint wins over a public one in each direction.
    """
    to_a = to_b = None
    reason = LinkReason.PUBLIC
    families = common_families(a, b)
    if is_public(a):
        to_a = endpoint_for(a.endpoints, families)
    if is_public(b):
        to_b = endpoint_for(b.endpoints, families)
    if is_fixed(a) and is_fixed(b):
        to_a = endpoint_for(a.endpoints, families)
        to_b = endpoint_for(b.endpoints, families)
        reason = LinkReason.FIXED
        if to_a is None or to_b is None:
            to_a = to_b = None
    if same_site(a, b) and (a.lan_endpoint or b.lan_endpoint):
        reason = LinkReason.LAN
        # a fixed endpoint would need both sides to keep sending to the outside of their own NAT
        to_a = a.lan_endpoint or (to_a if is_public(a) else None)
        to_b = b.lan_endpoint or (to_b if is_public(b) else None)
    return None if to_a is None and to_b is None else (reason, to_a, to_b)


def allows(node: NodeSpec, other: NodeSpec) -> bool:
    """Whether `direct` of `node` permits a link to `other`.

    `none` permits relays here; the graph then keeps only the one that the node prefers.
    """
    if isinstance(node.direct, tuple):
        return other.name in node.direct
    return node.direct is DirectMode.ALL or other.is_relay


def make_link(
    a: NodeSpec, b: NodeSpec, override: LinkSpec | None, *, preshared_keys: bool
) -> Link | None:
    """The link between two nodes with its keepalives, or None when it is impossible."""
    possible = directions(a, b)
    if possible is None:
        return None
    reason, to_a, to_b = possible
    fixed = reason is LinkReason.FIXED
    preshared = preshared_keys and a.managed and b.managed
    if override is not None and override.preshared_key is not None:
        preshared = bool(override.preshared_key)
    return Link(
        a.name,
        b.name,
        reason,
        to_a,
        to_b,
        _keepalive(a, override, starts=to_b is not None, awaited=to_a is not None, fixed=fixed),
        _keepalive(b, override, starts=to_a is not None, awaited=to_b is not None, fixed=fixed),
        preshared,
    )


def _keepalive(
    node: NodeSpec, override: LinkSpec | None, *, starts: bool, awaited: bool, fixed: bool
) -> int | None:
    """The side that the other cannot call keeps its NAT mapping open (wg(8), PersistentKeepalive).

    An interval given for this very link, or for this node, applies wherever the side can start.
    """
    if not starts:
        return None
    if override is not None and override.keepalive is not None:
        return override.keepalive or None
    if awaited and not fixed and not node.keepalive_asked:
        return None
    return node.keepalive or None
