"""Receiver indices: 32 random bits that name a handshake or a session of ours on the wire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

Entry = TypeVar("Entry")


class IndexTable(Generic[Entry]):
    """Random indices that do not collide; they tell an observer nothing (whitepaper 5.4)."""

    __slots__ = ("_entries", "_rng", "get")

    def __init__(self, rng: Callable[[int], bytes]) -> None:
        self._rng = rng
        self._entries: dict[int, Entry] = {}
        self.get = self._entries.get

    def __len__(self) -> int:
        return len(self._entries)

    def new(self, entry: Entry) -> int:
        """A fresh index for `entry`, never 0 (which stands for "none" in a handshake)."""
        while True:
            index = int.from_bytes(self._rng(4), "little")
            if index and index not in self._entries:
                self._entries[index] = entry
                return index

    def swap(self, index: int, entry: Entry) -> None:
        """What was a handshake's index is now a session's."""
        self._entries[index] = entry

    def delete(self, index: int) -> None:
        self._entries.pop(index, None)
