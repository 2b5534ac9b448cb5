"""A file that meshc emits, as a value."""

from __future__ import annotations

from meshc.values import dataclass


@dataclass(frozen=True, slots=True)
class Artifact:
    """`path` is relative to the build directory with `/`; `mode` is 0o600 for what holds a key.

    `node` is empty for files about the whole network. `purpose` is a sentence for the manifest.
    """

    path: str
    content: bytes
    mode: int
    node: str
    purpose: str
    secret: bool

    def __repr__(self) -> str:
        return f"Artifact({self.path!r}, {len(self.content)} bytes, mode={self.mode:o})"
