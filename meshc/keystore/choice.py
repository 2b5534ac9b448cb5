"""The choice of a key store by the topology file's section `keys`."""

from __future__ import annotations

from pathlib import Path

from meshc.keystore.key_files import KeyFiles
from meshc.keystore.store import KeyStore
from meshc.topology.language.spec import KeysSpec


def open_store(directory: Path, network: str, settings: KeysSpec) -> KeyStore:
    """The store; nothing is read yet, and no identity asked for. Raises: StateError."""
    if settings.store == "age":
        return age_files(directory, network, settings.recipients)
    if settings.store == "command":
        from meshc.keystore.key_programs import KeyPrograms, configured

        return KeyPrograms(directory, network, configured())
    return KeyFiles(directory, network)


def age_files(directory: Path, network: str, recipients: tuple[str, ...]) -> KeyFiles:
    """Files that these recipients can read."""
    from meshc.keystore.age_sealing import AgeSealing
    from meshc.keystore.identities import given_identities

    return KeyFiles(directory, network, AgeSealing(recipients, given_identities))
