"""The compiled roster: what `meshc build` lets the agent of a node change, read from node.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from meshc.agent.core.roster import Roster
from meshc.errors import MeshcError, NodeError
from meshc.keys import PublicKey
from meshc.node.nodefile import FACTS_NAME
from meshc.prefixes import Prefix
from meshc.values import dataclass

_HALF = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class CompiledRoster:
    """`names` and `keys` are by the number of a node, the lower half of its probe address, which
    `probe` is of this one. `moving` are the prefixes on the home of a leaf; `prefixes` those of
    each leaf of a relay, and of each partner of a leaf."""

    roster: Roster
    probe: Prefix
    names: Mapping[int, str]
    keys: Mapping[int, PublicKey]
    moving: tuple[Prefix, ...]
    prefixes: Mapping[int, tuple[Prefix, ...]]

    @property
    def is_relay(self) -> bool:
        return self.roster.me in self.roster.relays

    @property
    def spoken_to(self) -> tuple[int, ...]:
        """Those with a session to this node: the relays of a leaf, and its partners perhaps; leaves
        and relays of a relay."""
        if not self.is_relay:
            return (*self.roster.order, *self.roster.partners)
        others = (relay for relay in self.roster.relays if relay != self.roster.me)
        return (*others, *sorted(self.roster.linked - self.roster.quiet))


def number_of(probe: Prefix) -> int:
    """The number of the node with this probe address."""
    return probe.value & _HALF


def probe_of(number: int) -> Prefix:
    """The probe address of the node with this number."""
    return Prefix(6, 0xFE80 << 112 | number, 128)


def read_roster(conf: Path) -> CompiledRoster | None:
    """What stands beside a wg-quick file; None where no agent was asked for, or none can help.

    Raises: NodeError when it is not what `meshc build` writes."""
    path = conf.parent / FACTS_NAME
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data.get("interface") != conf.stem or "agent" not in data:
            return None
        return _roster(data["agent"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, MeshcError) as error:
        raise NodeError(
            f"{path} says nothing that an agent understands ({type(error).__name__}: {error})",
            hint="build again",
        ) from None


def _roster(section: Mapping[str, Any]) -> CompiledRoster:
    probe = Prefix.host(section["probe"])
    relays = {str(one["name"]): number_of(Prefix.host(one["probe"])) for one in section["relays"]}
    leaves = section.get("leaves", ())
    partners = section.get("partners", ())
    others = (*leaves, *partners)
    numbers = {str(one["name"]): number_of(Prefix.host(one["probe"])) for one in others}
    return CompiledRoster(
        Roster(
            number_of(probe),
            tuple(relays.values()),
            tuple(relays[name] for name in section.get("order", ())),
            {numbers[one["name"]]: relays[one["home"]] for one in leaves},
            frozenset(numbers[one["name"]] for one in leaves if one["linked"]),
            {numbers[one["name"]]: bool(one["first"]) for one in partners},
            frozenset(numbers[one["name"]] for one in leaves if one.get("agent") is False),
        ),
        probe,
        {number: name for name, number in (relays | numbers).items()},
        {
            number_of(Prefix.host(one["probe"])): PublicKey.parse(one["public_key"])
            for one in (*section["relays"], *others)
        },
        tuple(Prefix.parse(text) for text in section.get("moving", ())),
        {
            numbers[one["name"]]: tuple(Prefix.parse(text) for text in one["prefixes"])
            for one in others
        },
    )
