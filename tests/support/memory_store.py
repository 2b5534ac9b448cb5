"""A key store in memory: what the ring is tested with, and the oracle of the one on disk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from meshc.keys import NetworkSecret, PresharedKey, PrivateKey
from meshc.keystore.store import StoredKey


class MemoryStore:
    """Keeps keys in dictionaries."""

    directory = Path("keys")

    def __init__(self) -> None:
        self.keys: dict[str, PrivateKey] = {}
        self._retired: dict[str, list[Path]] = {}
        self._secret: NetworkSecret | None = None
        self._preshared: dict[str, PresharedKey] = {}

    def read(self, names: Iterable[str]) -> dict[str, StoredKey]:
        return {
            name: StoredKey(name, self.keys[name], self.path(name), 0.0, False)
            for name in names
            if name in self.keys
        }

    def create(self, keys: Mapping[str, PrivateKey]) -> dict[str, PrivateKey]:
        return {name: self.keys.setdefault(name, key) for name, key in keys.items()}

    def secret(self) -> NetworkSecret | None:
        return self._secret

    def create_secret(self, secret: NetworkSecret) -> NetworkSecret:
        self._secret = self._secret or secret
        return self._secret

    def read_preshared(self, names: Iterable[str]) -> dict[str, PresharedKey]:
        return {name: self._preshared[name] for name in names if name in self._preshared}

    def create_preshared(self, keys: Mapping[str, PresharedKey]) -> dict[str, PresharedKey]:
        return {name: self._preshared.setdefault(name, key) for name, key in keys.items()}

    def retire(self, name: str) -> Path | None:
        if self.keys.pop(name, None) is None:
            return None
        retired = self._retired.setdefault(name, [])
        retired.append(self.directory / "retired" / f"{name}.{len(retired)}.key")
        return retired[-1]

    def holdings(self, name: str) -> list[Path]:
        own = [self.path(name)] if name in self.keys else []
        return [*own, *self._retired.get(name, [])]

    def destroy(self, name: str) -> list[Path]:
        gone = self._retired.pop(name, [])
        return [self.path(name), *gone] if self.keys.pop(name, None) else gone

    def path(self, name: str) -> Path:
        return self.directory / f"{name}.key"
