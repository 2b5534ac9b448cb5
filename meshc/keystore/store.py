"""A key store, as the ring and the rotation see it: keys by the names of nodes, and one secret."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from meshc.keys import NetworkSecret, PresharedKey, PrivateKey
from meshc.values import dataclass


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key and where it lies. `created` is the file's time, in seconds since 1970."""

    name: str
    key: PrivateKey
    path: Path
    created: float
    readable_by_others: bool


class KeyStore(Protocol):
    """The keys of one network. Every method raises StateError for a store that is damaged or in
    other hands, OSError when the disk does."""

    @property
    def directory(self) -> Path:
        """Where the store lies."""

    def read(self, names: Iterable[str]) -> dict[str, StoredKey]:
        """The keys that exist among `names`."""

    def create(self, keys: Mapping[str, PrivateKey]) -> dict[str, PrivateKey]:
        """Stores new keys; where one exists already it stays, and is what is returned."""

    def secret(self) -> NetworkSecret | None:
        """The network secret, None when there is none yet."""

    def create_secret(self, secret: NetworkSecret) -> NetworkSecret:
        """Stores the network secret; where one exists it stays, and is what is returned."""

    def read_preshared(self, names: Iterable[str]) -> dict[str, PresharedKey]:
        """The given pre-shared keys that exist among `names`."""

    def create_preshared(self, keys: Mapping[str, PresharedKey]) -> dict[str, PresharedKey]:
        """Stores given pre-shared keys; where one exists it stays, and is what is returned."""

    def retire(self, name: str) -> Path | None:
        """Moves the key of `name` aside, where no build reads it; None when there was none."""

    def holdings(self, name: str) -> list[Path]:
        """What `destroy` would delete."""

    def destroy(self, name: str) -> list[Path]:
        """Deletes the key of `name` and its retired ones; the paths that are gone."""

    def path(self, name: str) -> Path:
        """Where the key of `name` lies."""
