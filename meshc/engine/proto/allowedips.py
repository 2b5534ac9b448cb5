"""Cryptokey routing: which peer an inner address belongs to (whitepaper section 2).

A dict per prefix length, longest first: five lengths cost half a microsecond, where a bit trie
costs one interpreted step per bit. Answers are remembered by the address's own bytes until
the table changes, so that the common case is one dict lookup.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from meshc.prefixes import BITS, Prefix

Owner = TypeVar("Owner")

_CACHE_LIMIT = 8192


class AllowedIPs(Generic[Owner]):
    """Longest-prefix match from inner addresses to owners; a prefix has one owner at most."""

    __slots__ = ("_cache", "_lengths", "_owned", "_tables", "version")

    def __init__(self) -> None:
        # family -> length -> address >> (bits - length) -> owner
        self._tables: dict[int, dict[int, dict[int, Owner]]] = {4: {}, 6: {}}
        # bytes in an address -> ((shift, table), ...), longest first
        self._lengths: dict[int, tuple[tuple[int, dict[int, Owner]], ...]] = {4: (), 16: ()}
        self._owned: dict[Owner, set[Prefix]] = {}
        self._cache: dict[bytes, Owner | None] = {}
        self.version = 0
        """Changes whenever an answer may."""

    def __len__(self) -> int:
        return sum(len(prefixes) for prefixes in self._owned.values())

    def lookup(self, address: bytes) -> Owner | None:
        """The owner of the longest prefix that holds these 4 or 16 bytes."""
        cache = self._cache
        try:
            return cache[address]
        except KeyError:
            pass
        value = int.from_bytes(address, "big")
        owner = None
        for shift, table in self._lengths[len(address)]:
            owner = table.get(value >> shift)
            if owner is not None:
                break
        if len(cache) >= _CACHE_LIMIT:
            cache.clear()
        cache[address] = owner
        return owner

    def insert(self, prefix: Prefix, owner: Owner) -> None:
        """Gives the prefix to `owner`; it leaves whoever had it."""
        family, value, length = prefix
        tables = self._tables[family]
        table = tables.get(length)
        if table is None:
            table = tables[length] = {}
            self._reindex(family)
        key = value >> (BITS[family] - length)
        before = table.get(key)
        if before is not None:
            self._owned[before].discard(prefix)
        table[key] = owner
        owned = self._owned.get(owner)
        if owned is None:
            owned = self._owned[owner] = set()
        owned.add(prefix)
        self.version += 1
        if self._cache:
            self._cache.clear()

    def remove(self, prefix: Prefix, owner: Owner) -> bool:
        """Takes the prefix from `owner`; False when it is not theirs."""
        owned = self._owned.get(owner)
        if owned is None or prefix not in owned:
            return False
        owned.discard(prefix)
        family, value, length = prefix
        table = self._tables[family][length]
        del table[value >> (BITS[family] - length)]
        if not table:
            del self._tables[family][length]
            self._reindex(family)
        self.version += 1
        self._cache.clear()
        return True

    def remove_owner(self, owner: Owner) -> None:
        """Takes everything from `owner`."""
        for prefix in list(self._owned.get(owner, ())):
            self.remove(prefix, owner)
        self._owned.pop(owner, None)

    def owned(self, owner: Owner) -> list[Prefix]:
        """The prefixes of `owner`, sorted."""
        return sorted(self._owned.get(owner, ()))

    def __iter__(self) -> Iterator[tuple[Prefix, Owner]]:
        for owner, prefixes in self._owned.items():
            for prefix in prefixes:
                yield prefix, owner

    def _reindex(self, family: int) -> None:
        bits = BITS[family]
        self._lengths[bits // 8] = tuple(
            (bits - length, table)
            for length, table in sorted(self._tables[family].items(), reverse=True)
        )
