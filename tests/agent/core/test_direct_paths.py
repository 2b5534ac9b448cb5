"""Whom a leaf asks for, who is introduced, and that NATs which never let them meet are known."""

from __future__ import annotations

import pytest

from meshc.agent.core.control_message import Ask, Meet
from meshc.agent.core.direct_path import CLEAN, DirectPath, PairState
from meshc.agent.core.direct_paths import (
    BOTH_VARY,
    OFTEN,
    OFTEN_FOR,
    RARELY,
    DirectPaths,
    meeting,
)
from meshc.agent.core.effect import Introduce, MoveDirect, SendControl
from meshc.wg.endpoint import Endpoint
from tests.support.agent_world import LEAF
from tests.support.direct_world import (
    DirectWorld,
    direct_history,
    states,
    stays_lost,
)
from tests.support.planted_agents import MovesUnheard

ONE, TWO = Endpoint("192.0.2.1", 1), Endpoint("192.0.2.2", 2)


def paths() -> DirectPaths:
    return DirectPaths({7: DirectPath(7, True, True, 0.0), 8: DirectPath(8, True, True, 0.0)})


def test_every_live_relay_is_asked_for_all_at_once_often_at_first() -> None:
    some = paths()
    times = []
    for tenth in range(400):
        asked = list(some.tick((1, 2), tenth / 10))
        if asked:
            times.append(tenth / 10)
            said = Ask(((7, 0), (8, 0)))
            assert asked == [SendControl(1, said), SendControl(2, said)]
    assert times[:3] == [0.0, OFTEN, 2 * OFTEN]
    assert times[-1] - times[-2] == pytest.approx(RARELY)
    assert times[-2] > OFTEN_FOR


def test_nobody_is_asked_for_who_is_not_due() -> None:
    some = paths()
    list(some.tick((1,), 0.0))
    some.paths[7].due = 100.0
    asked = [e for t in range(1, 20) for e in some.tick((1,), t)]
    assert {w for e in asked if isinstance(e, SendControl) for w in e.message.wishes} == {(8, 0)}  # type: ignore[union-attr]


def test_two_that_ask_for_each_other_are_introduced_once() -> None:
    world = DirectWorld(1, 3)
    relay = world.agents[1]
    a, b = LEAF, LEAF + 1
    now = world.clock(1)
    assert relay.receive(a, Ask(((b, 0),)), now) == ()
    assert relay.receive(LEAF + 2, Ask(((b, 0),)), now) == ()
    assert relay.receive(b, Ask(((a, 3),), (ONE,)), now) == (
        Introduce(b, a, 3),
        Introduce(a, b, 3, (ONE,)),
    )
    assert relay.receive(b, Ask(((a, 3),)), now) == (), "the other has to ask again"
    assert relay.receive(a, Ask(((b, 3),)), now + 60) == (), "and soon"


def test_near_endpoints_are_for_those_behind_one_address() -> None:
    near = Endpoint("10.0.0.7", 9)
    wanted = Introduce(7, 8, 0, (near,))
    said = meeting(wanted, {7: ONE, 8: TWO})
    assert said == Meet(8, 0, ONE, (TWO,))
    behind = Endpoint(ONE.host, 99)
    assert meeting(wanted, {7: ONE, 8: behind}) == Meet(8, 0, ONE, (near, behind))
    assert meeting(wanted, {7: ONE}) is None


def test_two_nats_that_give_every_peer_another_port_do_not_try() -> None:
    both = frozenset((LEAF, LEAF + 1))
    world = DirectWorld(2, 3, symmetric=both, hard=frozenset([both]))
    world.run(60)
    agent = world.agents[LEAF]
    assert agent.direct.varies  # type: ignore[union-attr]
    assert agent.direct.paths[LEAF + 1].why == BOTH_VARY  # type: ignore[union-attr]
    assert states(world, LEAF)[LEAF + 2] is PairState.DIRECT
    assert not world.agents[LEAF + 2].direct.varies  # type: ignore[union-attr]


def test_all_pairs_are_direct_within_five_seconds_of_both_agents_being_up() -> None:
    world = DirectWorld(2, 4)
    world.run(5)
    assert world.relayed() == []
    world.stop_agent(LEAF)
    world.power_off(LEAF + 1)
    world.run(30)
    world.power_on(LEAF + 1)
    world.start_agent(LEAF)
    world.run(15)
    assert world.lost() == []


@pytest.mark.parametrize("accepting", [{LEAF}, {LEAF + 1}, {LEAF, LEAF + 1}])
def test_routers_that_remember_strangers_cost_nothing(accepting: set[int]) -> None:
    """Each side has opened its own before the other's first packet comes."""
    world = DirectWorld(2, 2, accepting=frozenset(accepting))
    world.run(5)
    assert world.relayed() == []


@pytest.mark.parametrize("accepting", [LEAF, LEAF + 1])
def test_such_a_router_behind_another_one_costs_one_attempt_at_most(accepting: int) -> None:
    deep = frozenset({accepting})
    world = DirectWorld(2, 2, accepting=deep, deep=deep)
    world.run(CLEAN + 20)
    assert world.relayed() == []


def test_a_cut_direct_path_is_left_and_found_again_and_flaps_are_damped() -> None:
    world = DirectWorld(2, 2)
    world.run(10)
    for _ in range(60):
        world.link(LEAF, LEAF + 1, up=False)
        world.run(6)
        assert world.lost() == []
        world.link(LEAF, LEAF + 1, up=True)
        world.run(14)
        assert world.lost() == []
    assert world.switches[LEAF, LEAF + 1] < 20, "of 120 changes of the link in 20 minutes"


def test_agents_that_end_leave_direct_paths_as_they_are() -> None:
    world = DirectWorld(2, 3)
    world.run(10)
    for leaf in world.all_leaves:
        world.stop_agent(leaf)
    world.run(30)
    for leaf in world.all_leaves:
        world.start_agent(leaf)
    world.run(30)
    assert world.relayed() == []
    assert set(world.switches.values()) == {1}


def test_random_histories_with_direct_paths_lose_nobody_for_long() -> None:
    """The quick form of benchmarks/agent_histories.py --direct."""
    for seed in range(8):
        world = direct_history(seed)
        assert (stays_lost(world), world.twice_at_home(), world.faults) == (set(), [], []), seed


def test_a_planted_fault_is_found() -> None:
    found = (
        fault for seed in range(30) for fault in direct_history(seed, make_path=MovesUnheard).faults
    )
    assert "not both had heard" in next(found, "")


def test_a_hostile_leaf_moves_no_pair_but_its_own() -> None:
    world = DirectWorld(2, 4, hostile=frozenset({LEAF}))
    world.run(40)
    honest = set(world.all_leaves) - {LEAF}
    assert not [pair for pair in world.relayed() if LEAF not in pair]
    assert {world.switches[a, b] for a in honest for b in honest - {a}} == {1}
    assert world.faults == []
    assert world.longest <= 1200


def test_moves_come_from_agents_alone() -> None:
    """The world can say no: a side that is moved by hand is alone, and comes back."""
    world = DirectWorld(2, 2, hard=frozenset([frozenset((LEAF, LEAF + 1))]))
    world.run(5)
    world._do(LEAF, (MoveDirect(LEAF + 1),))
    assert (LEAF, LEAF + 1) in world.lost()
    assert world.faults
