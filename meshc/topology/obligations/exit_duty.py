"""An exit's duty: what of a user's traffic must reach the exit, and what must stay beside it.

Everything outside of the network must go to the exit, in both families, but for `beside`, which
must not go into the tunnel. What the network itself has (pools, LANs) is no part of either: a pair
or a LAN must be reached whatever an exception says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from meshc.errors import PrefixFormatError
from meshc.prefixes import Prefix
from meshc.topology.language.spec import Spec
from meshc.values import dataclass


@dataclass(frozen=True, slots=True)
class ExitDuty:
    """`doors` are addresses of endpoints: they may stay beside where something else must, because
    WireGuard's own packets have to get there."""

    beside: tuple[Prefix, ...] = ()
    doors: tuple[Prefix, ...] = ()

    def parts(self, family: int) -> tuple[tuple[Prefix, ...], tuple[Prefix, ...]]:
        """What must and what may stay beside the tunnel, in one family."""
        must = tuple(prefix for prefix in self.beside if prefix.family == family)
        may = tuple(door for door in self.doors if door.family == family) if must else ()
        return must, may


WHOLE = ExitDuty()


def exit_duties(spec: Spec) -> Mapping[str, ExitDuty]:
    """By name, of those users who leave something out."""
    users = [node for node in spec.nodes.values() if node.exit is not None and node.exit_except]
    doors = tuple(sorted(set(_doors(spec)))) if users else ()
    return {node.name: ExitDuty(node.exit_except, doors) for node in users}


def _doors(spec: Spec) -> Iterator[Prefix]:
    for node in spec.nodes.values():
        lan = (node.lan_endpoint,) if node.lan_endpoint is not None else ()
        for endpoint in (*node.endpoints, *lan):
            try:
                yield Prefix.host(endpoint.host)
            except PrefixFormatError:
                continue  # a name
