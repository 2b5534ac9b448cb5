"""The exceptions of an exit's user: what `exit_except` means for one node."""

from __future__ import annotations

from collections.abc import Iterable

from meshc.prefixes import PRIVATE_SPACE, InterfaceAddress, Prefix, collapse
from meshc.topology.language.schema.value_kinds import OWN_LAN, PRIVATE


def exit_exceptions(
    written: Iterable[str | InterfaceAddress], lan: Iterable[InterfaceAddress]
) -> tuple[Prefix, ...]:
    """The fewest prefixes that say the same; `lan` is the `lan` of the node's site."""
    words = {PRIVATE: PRIVATE_SPACE, OWN_LAN: tuple(address.network for address in lan)}
    found: list[Prefix] = []
    for item in written:
        found += words[item] if isinstance(item, str) else (item.network,)
    return collapse(found)
