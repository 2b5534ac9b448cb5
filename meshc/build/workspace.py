"""The directory of a topology file: what lies beside the file, and who may work there now."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from meshc.errors import StateError
from meshc.topology.language.spec import KeysSpec
from meshc.values import dataclass

if TYPE_CHECKING:
    from meshc.keystore.store import KeyStore


@dataclass(frozen=True, slots=True)
class Workspace:
    """`mesh.yaml` has `mesh.lock`, `keys/` and `build/` beside it. `plain_keys`: whatever the file
    says, these lie in `keys/` in the clear."""

    file: Path
    plain_keys: bool = False

    @property
    def directory(self) -> Path:
        return self.file.parent

    @property
    def lock_file(self) -> Path:
        return self.file.with_suffix(".lock")

    @property
    def build(self) -> Path:
        return self.directory / "build"

    def keys(self, network: str, settings: KeysSpec) -> KeyStore:
        """The store that the topology file asks for."""
        from meshc.keystore.choice import open_store  # a check needs none

        return open_store(
            self.directory / "keys", network, KeysSpec() if self.plain_keys else settings
        )

    @contextmanager
    def locked(self, waiting: Callable[[], None] | None = None) -> Iterator[None]:
        """One run at a time works on lock file, keys and build; others wait here.

        The kernel drops the lock when the process ends, however it ends; no file is left behind.
        `waiting` is called once when another run is at work. Raises: StateError.
        """
        with exclusive(self.directory, waiting):
            yield


@contextmanager
def exclusive(directory: Path, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Holds the advisory lock of a directory (flock(2)). Raises: StateError."""
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise StateError(f"{directory} cannot be opened: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting is not None:
                waiting()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
