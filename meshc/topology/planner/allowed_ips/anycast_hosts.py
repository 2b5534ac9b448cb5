"""Addresses that Linux would take for anycast addresses because of an AllowedIPs entry.

RFC 4291 section 2.6.1 gives the first address of every IPv6 subnet to the routers of that
subnet, and RFC 4443 section 2.4 (e) forbids ICMPv6 errors to anycast addresses. Linux applies both
to every route of less than 127 bits (ipv6_anycast_destination() in include/net/ip6_route.h), and
every AllowedIPs entry becomes a route: a node that owns the first address of an entry never
hears "packet too big" from whoever has that entry, and path MTU discovery towards it breaks. An
entry for the very address beside the wide one makes it an ordinary address again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Container, Mapping, Sequence

from meshc.prefixes import BITS, Prefix

# RFC 6164: a /127 is a link between two routers and has no anycast address.
LONGEST_SUBNET = 126


def first_addresses(
    table: Mapping[int, Sequence[Prefix]], among: Container[Prefix]
) -> dict[Prefix, int]:
    """Every IPv6 address (a host prefix) of `among` whose longest match in a table is a subnet that
    begins there, and the peer that has this subnet. The prefixes of a peer are sorted."""
    longest: dict[int, tuple[int, int]] = {}
    for peer, prefixes in table.items():
        # most entries are hosts, and there are millions of them
        for prefix in [p for p in prefixes if p[2] <= LONGEST_SUBNET and p[0] == 6]:
            if Prefix(6, prefix.value, BITS[6]) in among:
                known = longest.get(prefix.value)
                if known is None or prefix.length > known[0]:
                    longest[prefix.value] = (prefix.length, peer)
    return {
        Prefix(6, value, BITS[6]): peer
        for value, (_, peer) in longest.items()
        if not any(_longer(prefixes, value) for prefixes in table.values())
    }


def _longer(prefixes: Sequence[Prefix], value: int) -> bool:
    """Whether an address begins a prefix that is no subnet with anycast addresses."""
    at = bisect_left(prefixes, (6, value, LONGEST_SUBNET + 1))
    return at < len(prefixes) and prefixes[at][:2] == (6, value)


def with_hosts(
    table: Mapping[int, tuple[Prefix, ...]], hosts: Mapping[Prefix, int]
) -> dict[int, tuple[Prefix, ...]]:
    """The table with an entry for each of `hosts` (address -> peer) as well."""
    added: dict[int, list[Prefix]] = {}
    for address, peer in hosts.items():
        added.setdefault(peer, []).append(address)
    return {
        peer: tuple(sorted((*prefixes, *added[peer]))) if peer in added else prefixes
        for peer, prefixes in table.items()
    }
