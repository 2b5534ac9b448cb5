"""The secrets that are joined with a plan when its files are written."""

from __future__ import annotations

from collections.abc import Mapping

from meshc.keys import NetworkSecret, PrivateKey
from meshc.values import dataclass


@dataclass(frozen=True, slots=True)
class Secrets:
    """`private_keys` has no entry for a node that keeps its own key. `network` is None when the
    network has no pre-shared keys. Both redact themselves."""

    private_keys: Mapping[str, PrivateKey]
    network: NetworkSecret | None
