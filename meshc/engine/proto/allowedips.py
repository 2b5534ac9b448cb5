"""Cryptokey routing: which peer an inner address belongs to (whitepaper section 2).

A dict per prefix length, longest first: five lengths cost half a microsecond, where a bit trie
costs one interpreted step per bit. Answers are remembered by the address's own bytes until
the table changes, so that the common case is one dict lookup.

Where a prefix is given to another peer there are packets on their way from its old one: for a
moment these are let in as well. It could have sent them before, and nobody else gains anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from math import inf
from typing import Generic, TypeVar

from meshc.engine.proto.constants import MOVE_GRACE
from meshc.prefixes import BITS, Prefix

Owner = TypeVar("Owner")

_CACHE_LIMIT = 8192


class AllowedIPs(Generic[Owner]):
    """Longest-prefix match from inner addresses to owners; a prefix has one owner at most."""

    __slots__ = ("_cache", "_former", "_lengths", "_owned", "_tables", "settles", "version")

    def __init__(self) -> None:
        # family -> length -> address >> (bits - length) -> owner
        self._tables: dict[int, dict[int, dict[int, Owner]]] = {4: {}, 6: {}}
        # bytes in an address -> ((shift, table), ...), longest first
        self._lengths: dict[int, tuple[tuple[int, dict[int, Owner]], ...]] = {4: (), 16: ()}
        self._owned: dict[Owner, set[Prefix]] = {}
        self._cache: dict[bytes, Owner | None] = {}
        # prefix -> who had it -> until when that counts
        self._former: dict[Prefix, dict[Owner, float]] = {}
        self.settles = inf
        """When the first of these ends."""
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

    def had(self, address: bytes, owner: Owner) -> bool:
        """Whether `owner` has just lost this address to another."""
        if not self._former:
            return False
        bits, value = 8 * len(address), int.from_bytes(address, "big")
        host = Prefix(4 if bits == BITS[4] else 6, value, bits)
        lengths = self._lengths[len(address)]
        decides = next((bits - shift for shift, table in lengths if value >> shift in table), None)
        # what is more specific than what was lost was never a part of it
        return decides is not None and any(
            prefix.length >= decides and prefix.contains(host)
            for prefix, owners in self._former.items()
            if owner in owners
        )

    def senders(self, owner: Owner) -> Callable[[bytes], Owner | None]:
        """A `lookup` that answers `owner` for whatever it may send from."""
        if not self._former:
            return self.lookup
        return lambda address: owner if self.had(address, owner) else self.lookup(address)

    def settle(self, now: float) -> None:
        """Who has lost a prefix may not send from it any more once its time is over."""
        if now < self.settles:
            return
        self._keep_former(lambda _, until: until > now)
        self.settles = min((u for one in self._former.values() for u in one.values()), default=inf)
        self.version += 1

    def insert(self, prefix: Prefix, owner: Owner, now: float = -inf) -> None:
        """Gives the prefix to `owner`; it leaves whoever had it, who may send from it a moment
        longer."""
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
        if now > -inf:
            self._lost(prefix, self._around(prefix) if before is None else before, owner, now)
        table[key] = owner
        owned = self._owned.get(owner)
        if owned is None:
            owned = self._owned[owner] = set()
        owned.add(prefix)
        self.version += 1
        if self._cache:
            self._cache.clear()

    def remove(self, prefix: Prefix, owner: Owner, now: float = -inf) -> bool:
        """Takes the prefix from `owner`, who may send from it a moment longer where it falls to
        another; False when it is not theirs."""
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
        self._former.pop(prefix, None)
        if now > -inf:
            self._lost(prefix, owner, self._around(prefix), now)
        self.version += 1
        self._cache.clear()
        return True

    def keep_only(self, prefixes: Iterable[Prefix], owner: Owner, now: float) -> None:
        """Takes everything else from `owner`."""
        for prefix in self._owned.get(owner, set()).difference(prefixes):
            self.remove(prefix, owner, now)

    def remove_owner(self, owner: Owner) -> None:
        """Takes everything from `owner`, as if it had never had anything."""
        for prefix in list(self._owned.get(owner, ())):
            self.remove(prefix, owner)
        self._owned.pop(owner, None)
        self._keep_former(lambda one, _: one is not owner)

    def owned(self, owner: Owner) -> list[Prefix]:
        """The prefixes of `owner`, sorted."""
        return sorted(self._owned.get(owner, ()))

    def _around(self, prefix: Prefix) -> Owner | None:
        """Who has the longest prefix that holds this one and is wider."""
        family, value, length = prefix
        for shift, table in self._lengths[BITS[family] // 8]:
            owner = table.get(value >> shift) if BITS[family] - shift < length else None
            if owner is not None:
                return owner
        return None

    def _lost(self, prefix: Prefix, before: Owner | None, owner: Owner | None, now: float) -> None:
        if before is None or owner is None or before is owner:
            return
        until = now + MOVE_GRACE
        self._former.setdefault(prefix, {})[before] = until
        self.settles = min(self.settles, until)

    def _keep_former(self, wanted: Callable[[Owner, float], bool]) -> None:
        for prefix, owners in list(self._former.items()):
            left = {owner: until for owner, until in owners.items() if wanted(owner, until)}
            if left:
                self._former[prefix] = left
            else:
                del self._former[prefix]

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
