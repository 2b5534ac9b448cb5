"""A file that meshc emits, as a value."""

from __future__ import annotations

from meshc.secret import SecretBytes
from meshc.values import dataclass


@dataclass(frozen=True, slots=True)
class Artifact:
    """`path` is relative to the build directory with `/`; `mode` is 0o600 for what holds a key.

    `content` of all files is treated as a secret, as that of most is one;
    `node` is empty for files about the whole network. `purpose` is a sentence for the manifest.
    """

    path: str
    content: SecretBytes
    mode: int
    node: str
    purpose: str
    secret: bool
