"""The relay's agent: whom it believes what, and that the other relays learn of it."""

from __future__ import annotations

from meshc.agent.core.control_message import MOST_RECORDS, Answer, Got, Homes, Move, Probe, Taken
from meshc.agent.core.effect import Effect, PlaceLeaf, SendControl
from meshc.agent.core.message_credit import AT_ONCE
from meshc.agent.core.relay_agent import HomeRecord, RelayAgent
from meshc.agent.core.roster import Roster
from tests.support.agent_world import LEAF, AgentWorld, random_history

ME, OTHER, THIRD, ONE, TWO = 1, 2, 3, 1000, 1001


def relay(**how: object) -> RelayAgent:
    leaves = {ONE: OTHER, TWO: ME}
    roster = Roster(ME, (ME, OTHER, THIRD), (), leaves, frozenset(leaves))
    return RelayAgent(roster, 0.0, start=77, **how)  # type: ignore[arg-type]


def places(effects: tuple[Effect, ...]) -> list[PlaceLeaf]:
    return [effect for effect in effects if isinstance(effect, PlaceLeaf)]


def told(effects: tuple[Effect, ...]) -> dict[int, Homes]:
    sent = (e for e in effects if isinstance(e, SendControl))
    return {e.to: e.message for e in sent if isinstance(e.message, Homes)}


def test_a_leaf_that_asks_is_placed_told_to_the_others_and_answered() -> None:
    agent = relay()
    found = agent.receive(ONE, Move(5), 1.0)
    assert places(found) == [PlaceLeaf(ONE, ONE)]
    assert SendControl(ONE, Taken(5, 5, True)) in found
    assert all((ONE, 5) in homes.records for homes in told(found).values())
    assert set(told(found)) == {OTHER, THIRD}


def test_what_is_said_twice_or_late_changes_nothing() -> None:
    agent = relay()
    agent.receive(ONE, Move(5), 1.0)
    assert places(agent.receive(ONE, Move(5), 1.1)) == []
    assert places(agent.receive(OTHER, Homes(1, ((ONE, 4),)), 1.2)) == []
    assert places(agent.receive(ONE, Probe(1, 3, OTHER), 1.3)) == []
    assert agent.records[ONE] == HomeRecord(ME, 5)
    old = agent.receive(ONE, Move(4), 1.4)
    assert SendControl(ONE, Taken(4, 5, False)) in old, "the leaf learns of the later number"


def test_a_leaf_says_where_it_lives_in_each_probe() -> None:
    agent = relay()
    found = agent.receive(TWO, Probe(9, 6, THIRD), 1.0)
    assert places(found) == [PlaceLeaf(TWO, THIRD)]
    assert SendControl(TWO, Answer(9, 6, THIRD, hears=frozenset({OTHER, THIRD}))) in found
    assert places(agent.receive(TWO, Probe(9, 7, 4711), 1.0)) == [], "there is no such relay"


def test_a_relay_speaks_for_itself_alone() -> None:
    agent = relay()
    found = agent.receive(OTHER, Homes(3, ((TWO, 8), (4711, 9))), 1.0)
    assert places(found) == [PlaceLeaf(TWO, OTHER)]
    assert SendControl(OTHER, Got(3)) in found
    assert 4711 not in agent.records, "memory is bounded by what was compiled"


def test_a_leaf_can_move_nobody_but_itself() -> None:
    agent = relay()
    before = dict(agent.records)
    assert agent.receive(ONE, Homes(1, ((TWO, 99),)), 1.0) == ()
    assert agent.receive(ONE, Taken(1, 1, True), 1.0) == ()
    assert agent.receive(4711, Move(1), 1.0) == ()
    assert agent.records == before


def test_a_leaf_that_is_not_linked_with_the_relay_is_not_taken() -> None:
    roster = Roster(ME, (ME, OTHER), (), {ONE: OTHER}, frozenset())
    agent = RelayAgent(roster, 0.0, start=1)
    assert agent.receive(ONE, Move(5), 1.0) == (SendControl(ONE, Taken(5, 0, False)),)


def test_who_is_draining_takes_nobody_and_says_so() -> None:
    agent = relay(draining=True)
    assert SendControl(ONE, Taken(5, 0, False)) in agent.receive(ONE, Move(5), 1.0)
    found = agent.receive(ONE, Probe(1, 0, OTHER), 1.0)
    assert SendControl(ONE, Answer(1, 0, OTHER, True, frozenset({OTHER, THIRD}))) in found


def test_the_others_are_told_again_until_they_say_that_they_have_it() -> None:
    agent = relay()
    first = told(agent.receive(ONE, Move(5), 1.0))[OTHER]
    assert told(agent.tick(1.1)) == {}
    assert told(agent.tick(2.2))[OTHER] == first
    agent.receive(OTHER, Got(first.batch + 9), 2.3)
    assert OTHER in told(agent.tick(3.4))
    agent.receive(OTHER, Got(first.batch), 3.5)
    assert OTHER not in told(agent.tick(4.6))
    assert THIRD in told(agent.tick(5.7))


def test_who_starts_anew_is_told_everything_in_bounded_batches() -> None:
    leaves = dict.fromkeys(range(LEAF, LEAF + 200), ME)
    roster = Roster(ME, (ME, OTHER), (), leaves, frozenset(leaves))
    agent = RelayAgent(roster, 0.0, start=1)
    heard: set[int] = set()
    for start in (1, 2):
        agent.receive(OTHER, Probe(1, start, OTHER), 0.0)
        heard.clear()
        for second in range(1, 6):
            for homes in told(agent.tick(start * 100.0 + second)).values():
                assert len(homes.records) <= MOST_RECORDS
                heard.update(leaf for leaf, _ in homes.records)
                agent.receive(OTHER, Got(homes.batch), start * 100.0 + second)
        assert heard == set(leaves)


def test_a_flood_is_cut_off_and_costs_the_others_nothing() -> None:
    agent = relay()
    answered = sum(bool(agent.receive(ONE, Probe(n, 0, OTHER), 1.0)) for n in range(10_000))
    assert answered == AT_ONCE
    assert agent.receive(TWO, Probe(1, 0, ME), 1.0) != ()
    assert agent.receive(ONE, Probe(1, 0, OTHER), 3.0) != (), "and it is heard again"


def test_hostile_leaves_change_nothing_for_others() -> None:
    for seed in range(6):
        world = random_history(seed, hostile=frozenset({LEAF}))
        assert world.faults == []
        assert world.lost() == []
        assert world.twice_at_home() == []


def test_the_messages_of_a_quiet_network_are_linear_in_its_leaves() -> None:
    """A probe and an answer a second for each leaf and relay, and nothing more."""
    counts = {}
    for leaves in (10, 40):
        world = AgentWorld(relays=2, leaves=leaves)
        world.run(5)
        world.messages.clear()
        world.run(20)
        counts[leaves] = world.messages[1] / 20
    assert counts[10] <= 10 + 2 + 1
    assert counts[40] <= 40 + 2 + 1


def test_a_leaf_without_an_agent_lives_where_its_last_handshake_was() -> None:
    leaves = {ONE: OTHER}
    rosters = [
        Roster(me, (ME, OTHER), (), leaves, frozenset(leaves), quiet=frozenset(leaves))
        for me in (ME, OTHER)
    ]
    here, there = (RelayAgent(roster, 0.0, start=me) for me, roster in enumerate(rosters))
    effects = here.handshake(ONE, 1.0)
    assert places(effects) == [PlaceLeaf(ONE, ONE)]
    assert places(there.receive(ME, told(effects)[OTHER], 1.0)) == [PlaceLeaf(ONE, ME)]
    assert here.handshake(ONE, 130.0) == (), "a new key of the same session"
    back = there.handshake(ONE, 140.0)
    assert places(back) == [PlaceLeaf(ONE, ONE)]
    assert places(here.receive(OTHER, told(back)[ME], 140.0)) == [PlaceLeaf(ONE, OTHER)]


def test_of_two_that_count_alike_the_first_relay_has_a_quiet_leaf() -> None:
    leaves = {ONE: THIRD}
    rosters = [
        Roster(me, (ME, OTHER, THIRD), (), leaves, frozenset(leaves), quiet=frozenset(leaves))
        for me in (ME, OTHER)
    ]
    here, there = (RelayAgent(roster, 0.0, start=me) for me, roster in enumerate(rosters))
    mine, theirs = here.handshake(ONE, 1.0), there.handshake(ONE, 1.0)
    assert places(here.receive(OTHER, told(theirs)[ME], 1.1)) == []
    assert places(there.receive(ME, told(mine)[OTHER], 1.1)) == [PlaceLeaf(ONE, ME)]


def test_a_handshake_of_a_leaf_with_an_agent_moves_it_nowhere() -> None:
    assert relay().handshake(ONE, 1.0) == ()
