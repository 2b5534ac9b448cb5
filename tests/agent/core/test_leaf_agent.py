"""The leaf's agent: what it does alone, told by what it sends."""

from __future__ import annotations

import pytest

from meshc.agent.core.control_message import Answer, Message, Move, Probe, Taken
from meshc.agent.core.effect import Effect, MoveHome, SendControl
from meshc.agent.core.leaf_agent import LAST_SEQ, PATIENCE, LeafAgent
from meshc.agent.core.roster import Roster
from tests.support.agent_world import AgentWorld

HOME, OTHER, ME = 1, 2, 1000


class Bench:
    """A leaf, and relays that answer or do not."""

    def __init__(self, **how: object) -> None:
        self.leaf = LeafAgent(Roster(ME, (HOME, OTHER), (HOME, OTHER)), HOME, 0.0, highest=100)
        self.now = 0.0
        self.said: list[Effect] = []

    def second(self, *answering: int, **answer: object) -> list[Effect]:
        """One second; the relays named answer its probe."""
        found = list(self.leaf.tick(self.now))
        sent = [
            effect for effect in found if isinstance(effect, SendControl) and effect.to in answering
        ]
        for to, probe in sent:
            if isinstance(probe, Probe):
                others = frozenset({HOME, OTHER}) - {to}
                reply = {"seq": probe.seq, "home": probe.home, "hears": others, **answer}
                self.hear(to, Answer(probe.counter, **reply))  # type: ignore[arg-type]
        self.now += 1.0
        return found

    def hear(self, relay: int, message: Message) -> tuple[Effect, ...]:
        return self.leaf.receive(relay, message, self.now)

    def moves_asked(self, found: list[Effect]) -> list[tuple[int, int]]:
        return [
            (e.to, e.message.seq)
            for e in found
            if isinstance(e, SendControl) and type(e.message) is Move
        ]


def test_it_probes_every_relay_each_second_and_says_where_it_lives() -> None:
    bench = Bench()
    assert bench.second() == [
        SendControl(HOME, Probe(1, 0, HOME)),
        SendControl(OTHER, Probe(1, 0, HOME)),
    ]
    assert bench.leaf.tick(0.5) == ()
    assert bench.leaf.wakes == 1.0


def test_numbers_follow_the_clock_and_there_are_no_more_than_seconds() -> None:
    """So one that was killed a moment after a move uses no number twice, though it heard of none;
    and who is refused does not count up."""
    bench = Bench()
    bench.second(HOME, OTHER)
    numbers = []
    for _ in range(60):
        for _, number in bench.moves_asked(bench.second(OTHER, draining=False)):
            numbers.append(number)
            bench.hear(OTHER, Taken(number, 0, False))
    assert len(numbers) > 10
    assert len(set(numbers)) == len(numbers)
    assert max(numbers) <= 100 + bench.now + 1
    again = LeafAgent(bench.leaf.roster, HOME, 0.0, highest=100 + int(bench.now))
    again.tick(0.0)
    assert again.highest + 3 > max(numbers), "it probes for three seconds before it asks"


def test_it_leaves_a_dead_home_for_the_first_live_relay_after_it_has_agreed() -> None:
    bench = Bench()
    bench.second(HOME, OTHER)
    asked = [bench.moves_asked(bench.second(OTHER)) for _ in range(4)]
    assert asked == [[], [], [], [(OTHER, 105)]]
    assert bench.leaf.home == HOME, "nothing moves before the other side has agreed"
    move, *said = bench.hear(OTHER, Taken(105, 105, True))
    assert move == MoveHome(OTHER, "it does not answer")
    assert [effect.message.home for effect in said] == [OTHER, OTHER]  # type: ignore[union-attr]
    assert bench.hear(OTHER, Taken(105, 105, True)) == (), "said twice, done once"


def test_without_another_that_answers_it_stays() -> None:
    bench = Bench()
    bench.second(HOME, OTHER)
    assert not any(bench.moves_asked(bench.second()) for _ in range(20))
    assert bench.leaf.home == HOME


def test_a_home_without_an_agent_is_kept_while_packets_pass() -> None:
    bench = Bench()
    for _ in range(20):
        found = bench.second(OTHER)
        bench.leaf.refused(HOME, bench.now)
        assert bench.moves_asked(found) == []


def test_a_request_that_is_not_answered_is_superseded_by_a_later_number() -> None:
    bench = Bench()
    bench.second(HOME, OTHER)
    for _ in range(4):
        bench.second(OTHER)
    assert bench.leaf.claim is not None
    assert bench.leaf.claim.seq == 105
    for _ in range(int(PATIENCE) + 2):
        found = bench.second(HOME, OTHER)
    assert bench.moves_asked(found) == [(HOME, 109)], "home is back: what OTHER may have agreed to"
    bench.hear(HOME, Taken(109, 109, True))
    assert bench.leaf.home == HOME
    assert bench.leaf.seq == 109


def test_an_old_agreement_moves_nothing() -> None:
    bench = Bench()
    bench.second(HOME, OTHER)
    for _ in range(4):
        bench.second(OTHER)
    assert bench.hear(OTHER, Taken(100, 100, True)) == ()
    assert bench.hear(HOME, Taken(105, 105, True)) == ()
    assert bench.hear(7, Taken(105, 105, True)) == ()
    assert bench.leaf.home == HOME


def test_after_a_restart_its_numbers_are_above_all_that_relays_know() -> None:
    bench = Bench()
    bench.second(HOME, OTHER, seq=5000, home=OTHER)
    assert bench.moves_asked(bench.second(HOME, OTHER, seq=5000, home=OTHER)) == [(HOME, 5001)]


def test_a_draining_home_is_left_and_a_draining_relay_is_not_gone_to() -> None:
    bench = Bench()
    bench.second(HOME, OTHER, draining=True)
    assert not any(bench.moves_asked(bench.second(HOME, OTHER, draining=True)) for _ in range(5))
    bench = Bench()
    bench.second(OTHER)
    bench.second(HOME, draining=True)
    bench.second(OTHER)
    assert bench.leaf.claim is None or bench.leaf.claim.relay == OTHER


def test_it_comes_back_after_the_quiet_time_and_not_before() -> None:
    world = AgentWorld(relays=2, leaves=2)
    world.run(3)
    world.power_off(1)
    world.run(10)
    assert world.home[1000] == 2
    world.power_on(1)
    world.run(55)
    assert world.home[1000] == 2
    world.run(15)
    assert world.home[1000] == 1


def test_numbers_end_before_they_would_begin_anew() -> None:
    bench = Bench()
    bench.leaf.highest = LAST_SEQ
    bench.second(HOME, OTHER)
    assert not any(bench.moves_asked(bench.second(OTHER)) for _ in range(9))


def test_300_flaps_of_a_relay_cost_a_leaf_a_bounded_number_of_moves() -> None:
    world = AgentWorld(relays=2, leaves=2)
    world.run(3)
    for _ in range(300):
        world.power_off(1)
        world.run(8)
        world.power_on(1)
        world.run(12)
    assert world.moves[1000] <= 2
    assert world.moves[1001] == 0, "its home was never gone"


def test_flaps_longer_than_the_quiet_time_are_slowed_down() -> None:
    world = AgentWorld(relays=2, leaves=1)
    world.run(3)
    for _ in range(100):
        world.power_off(1)
        world.run(8)
        world.power_on(1)
        world.run(70)
    hours = world.now / 3600
    assert world.moves[1000] <= 2 + 2 * 7 + 2 * hours


@pytest.mark.parametrize("split", [True, False])
def test_where_the_relays_do_not_hear_each_other_all_who_can_meet_at_one(split: bool) -> None:
    world = AgentWorld(relays=2, leaves=4)
    world.run(3)
    if split:
        world.link(1, 2, up=False)
    world.run(10)
    homes = set(world.home.values())
    assert homes == ({1} if split else {1, 2})
    assert world.lost() == []
