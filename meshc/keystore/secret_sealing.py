"""How a secret lies on the disk: in the clear, or sealed for those who may read it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol


class Sealing(Protocol):
    """What stands between a secret and its file. `suffix` is what its file's name ends in then;
    `hidden` says that who reads the file learns nothing."""

    @property
    def suffix(self) -> str: ...

    @property
    def hidden(self) -> bool: ...

    @property
    def beside(self) -> Mapping[str, bytes]:
        """The files that lie beside the secrets: what git is told, and who can read them."""

    def seal(self, content: bytes) -> bytes:
        """What is written. Raises: StateError."""

    def open(self, content: bytes, path: Path) -> bytes:
        """What was sealed in this file. Raises: StateError, for want of an identity also."""


class _Clear:
    suffix = ""
    hidden = False
    beside: Mapping[str, bytes] = {".gitignore": b"*\n"}

    def seal(self, content: bytes) -> bytes:
        return content

    def open(self, content: bytes, path: Path) -> bytes:
        return content


CLEAR: Sealing = _Clear()
