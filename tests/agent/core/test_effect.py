"""Every effect that a shell must know is asked for when a relay and a direct path die."""

from __future__ import annotations

from typing import get_args

from meshc.agent.core.effect import Effect
from tests.support.agent_world import LEAF
from tests.support.direct_world import DirectWorld


class Recording(DirectWorld):
    """Remembers the kinds of what was asked for."""

    def _do(self, node, effects):  # type: ignore[no-untyped-def]
        effects = tuple(effects)
        self.__dict__.setdefault("kinds", set()).update(map(type, effects))
        super()._do(node, effects)


def test_each_kind_is_asked_for_when_a_relay_and_a_direct_path_die() -> None:
    world = Recording(relays=3, leaves=3)
    world.run(3)
    world.link(LEAF, LEAF + 1, up=False)
    world.power_off(1)
    world.run(6)
    assert world.kinds == set(get_args(Effect))  # type: ignore[attr-defined]
