"""The secrets that are joined with a plan when its files are written."""

from __future__ import annotations

from collections.abc import Mapping

from meshc.keys import NetworkSecret, PresharedKey, PrivateKey
from meshc.topology.language.spec import Spec
from meshc.values import dataclass, field


@dataclass(frozen=True, slots=True)
class Secrets:
    """`private_keys` has no entry for a node that keeps its own key. `network` is None when the
    network has no pre-shared keys. `given` is the pre-shared keys that links name. All redact
    themselves."""

    private_keys: Mapping[str, PrivateKey]
    network: NetworkSecret | None
    given: Mapping[str, PresharedKey] = field(default_factory=dict)

    def given_keys(self, spec: Spec) -> dict[str, dict[str, PresharedKey]]:
        """By node and peer, for the links of `spec` that name one; both ends have it."""
        found: dict[str, dict[str, PresharedKey]] = {}
        for link in spec.links:
            if isinstance(link.preshared_key, str):
                key = self.given[link.preshared_key]
                found.setdefault(link.a, {})[link.b] = key
                found.setdefault(link.b, {})[link.a] = key
        return found
