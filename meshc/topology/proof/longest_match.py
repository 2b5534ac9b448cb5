"""The longest match: which of several prefixes decides for an address."""

from __future__ import annotations

from collections.abc import Iterable

from meshc.prefixes import Prefix


def longest(prefixes: Iterable[Prefix], family: int, address: int) -> Prefix | None:
    """The longest prefix that holds the address."""
    best: Prefix | None = None
    for prefix in prefixes:
        if (
            prefix.family == family
            and prefix.value <= address <= prefix.last
            and (best is None or prefix.length > best.length)
        ):
            best = prefix
    return best
