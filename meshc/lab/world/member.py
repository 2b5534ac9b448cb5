"""A member of the simulated internet: a node and what the lab decided for it."""

from __future__ import annotations

from typing import NamedTuple

from meshc.topology.language.spec import Endpoint, Nat, NodeSpec


class Member(NamedTuple):
    """A node and what the lab decided for it. `endpoints` pairs each endpoint of the file with an
    address it stands for (a name may stand for one per family)."""

    node: NodeSpec
    nat: Nat
    listen_port: int | None
    endpoints: tuple[tuple[Endpoint, str], ...]

    @property
    def bare(self) -> bool:
        """On the internet itself: no NAT, and no port that differs from the one it listens on."""
        moved = any(e.port != self.listen_port for e, _ in self.endpoints)
        return self.nat is Nat.NONE and not moved

    @property
    def opened(self) -> bool:
        """Anybody may reach its endpoints; a restricted NAT lets in only answers."""
        return self.nat in (Nat.NONE, Nat.FULL_CONE)
