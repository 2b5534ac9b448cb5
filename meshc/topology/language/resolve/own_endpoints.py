"""A node's own endpoints, and the address families that they tell of."""

from __future__ import annotations

from collections.abc import Iterable

from meshc.topology.language.schema.scalars import WrittenEndpoint
from meshc.wg.endpoint import Endpoint

_FAMILIES = {"ipv4": 4, "ipv6": 6}


def endpoints_of(written: Iterable[WrittenEndpoint], port: int) -> tuple[Endpoint, ...]:
    """Each once, with the port where none is written."""
    found = (Endpoint(item.host, item.port or port) for item in written)
    return tuple(dict.fromkeys(found))


def lan_endpoint_of(written: WrittenEndpoint | None) -> Endpoint | None:
    return None if written is None else Endpoint(written.host, written.port)


def underlay_of(written: Iterable[str] | None, endpoints: tuple[Endpoint, ...]) -> tuple[int, ...]:
    """As written; else those of literal endpoints, else both."""
    if written is not None:
        return tuple(sorted({_FAMILIES[word] for word in written}))
    families = {endpoint.family for endpoint in endpoints}
    literal = tuple(sorted(family for family in families if family))
    return literal if literal and None not in families else (4, 6)
