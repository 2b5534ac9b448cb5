"""Whatever happens to a network of agents, it heals, and nobody moves without an agreement."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.support.agent_world import (
    LEAF,
    SETTLED,
    AgentWorld,
    calm_down,
    disturb,
    random_history,
)
from tests.support.planted_agents import (
    MovesAtOnce,
    ReusesNumbers,
    SpeaksForOthers,
    TakesLeavesWord,
)


class AgentHistories(RuleBasedStateMachine):
    """hypothesis chooses what happens; what must hold at every moment, and at the end."""

    @initialize(relays=st.sampled_from((2, 3)), leaves=st.integers(2, 4), seed=st.integers(0, 99))
    def begin(self, relays: int, leaves: int, seed: int) -> None:
        self.world = AgentWorld(relays, leaves, seed, loss=(0.0, 0.1)[seed % 2], twice=0.1)
        self.world.run(2)

    @rule(seed=st.integers(0, 10_000), seconds=st.sampled_from((0.1, 1.5, 5.0, 62.0)))
    def something_happens(self, seed: int, seconds: float) -> None:
        disturb(self.world, random.Random(seed))
        self.world.run(seconds)

    @rule()
    def nothing_happens(self) -> None:
        calm_down(self.world)
        assert self.world.lost() == []
        assert self.world.twice_at_home() == []

    @invariant()
    def nobody_did_what_it_must_not(self) -> None:
        if hasattr(self, "world"):
            assert self.world.faults == []

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.nothing_happens()


TestAgentHistories = AgentHistories.TestCase
TestAgentHistories.settings = settings(max_examples=15, stateful_step_count=8, deadline=None)


def test_random_histories_end_with_every_pair_that_has_a_live_path_delivered() -> None:
    """The quick form of benchmarks/agent_histories.py."""
    for seed in range(40):
        world = random_history(seed)
        found = world.lost(), world.twice_at_home(), world.faults
        assert found == ([], [], []), f"seed {seed}"


@pytest.mark.parametrize(
    ("planted", "words"),
    [
        ({"make_leaf": MovesAtOnce}, "without its agreement"),
        ({"make_leaf": ReusesNumbers}, "for two homes"),
        ({"make_relay": SpeaksForOthers}, "never said"),
        ({"make_relay": TakesLeavesWord, "hostile": frozenset({LEAF})}, "never said"),
    ],
)
def test_a_planted_fault_is_found(planted: dict[str, Any], words: str) -> None:
    found = (fault for seed in range(30) for fault in random_history(seed, **planted).faults)
    assert words in next(found, "")


@pytest.mark.parametrize("dead", [(1,), (2,), (1, 2)])
@pytest.mark.parametrize("relays", [2, 3])
def test_after_the_death_of_relays_every_pair_is_back_within_five_seconds(
    relays: int, dead: tuple[int, ...]
) -> None:
    world = AgentWorld(relays, 6)
    world.run(10)
    for relay in dead:
        world.power_off(relay)
    world.run(5)
    assert world.lost() == []
    assert len(dead) == relays or all(home not in dead for home in world.home.values())


def test_one_leaf_that_cannot_reach_a_relay_moves_alone() -> None:
    world = AgentWorld(2, 4)
    world.run(10)
    world.link(LEAF, world.home[LEAF], up=False)
    world.run(5)
    assert world.lost() == []
    assert [leaf for leaf in world.all_leaves if world.moves[leaf]] == [LEAF]


def test_one_direction_is_no_path() -> None:
    world = AgentWorld(2, 4)
    world.run(10)
    world.link(world.home[LEAF], LEAF, up=False, both=False)
    world.run(5)
    assert world.home[LEAF] != world.compiled[LEAF]
    assert world.lost() == []


def test_draining_moves_every_leaf_and_loses_nobody() -> None:
    world = AgentWorld(2, 6)
    world.run(10)
    world.agents[1].draining = True  # type: ignore[union-attr]
    for _ in range(40):
        world.run(0.1)
    assert set(world.home.values()) == {2}
    assert world.lost() == []
    world.agents[1].draining = False  # type: ignore[union-attr]
    world.run(70 + SETTLED)
    assert world.home == world.compiled


def test_agents_that_end_and_start_at_any_moment_lose_no_pair() -> None:
    """Not for a moment: the tables stay as they are."""
    world, pick = AgentWorld(2, 4), random.Random(5)
    world.run(5)
    for _ in range(100):
        node = pick.choice((*world.all_relays, *world.all_leaves))
        world.stop_agent(node)
        for _ in range(10):
            world.run(pick.random() / 2)
            assert world.lost() == []
        world.start_agent(node)
        for _ in range(5):
            world.run(pick.random() / 2)
            assert world.lost() == []
    assert not world.moves
