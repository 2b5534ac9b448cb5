"""The direct path of one pair: when it is called, when both move, and when they go back."""

from __future__ import annotations

from collections.abc import Iterable

from meshc.agent.core.control_message import DirectProbe, Meet
from meshc.agent.core.direct_path import (
    AGREE,
    AGREED,
    ANSWER,
    CLEAN,
    GRACE,
    LATE,
    LONGEST,
    MOVED,
    OFTEN,
    OPEN_FOR,
    OPENED,
    OWN_ROUTER,
    SECOND_CALL,
    SOONEST,
    UP,
    DirectPath,
    PairState,
)
from meshc.agent.core.effect import (
    CoolPeer,
    Effect,
    ExpectDirect,
    MoveBack,
    MoveDirect,
    OpenNat,
    SendControl,
    WarmPeer,
)
from meshc.wg.endpoint import Endpoint

OTHER = 1001
HERE, THERE, NEAR = Endpoint("192.0.2.1", 1), Endpoint("192.0.2.2", 2), Endpoint("10.0.0.2", 2)


def path(*, leader: bool = True, first: bool = True) -> DirectPath:
    return DirectPath(OTHER, leader, first, 0.0)


def meet(turn: int = 0, at: tuple[Endpoint, ...] = (THERE,)) -> Meet:
    return Meet(OTHER, turn, HERE, at)


def kinds(effects: Iterable[Effect]) -> list[type]:
    return [type(effect) for effect in effects if not isinstance(effect, SendControl)]


def sent(effects: Iterable[Effect]) -> list[DirectProbe]:
    said = [effect.message for effect in effects if isinstance(effect, SendControl)]
    return [message for message in said if isinstance(message, DirectProbe)]


def hear(one: DirectPath, flags: int, now: float, wait: int = 0) -> list[Effect]:
    """The answer to the last probe."""
    return list(one.receive(DirectProbe(9, one.probe.counter, flags | ANSWER, wait), now))


def warm(one: DirectPath) -> list[Effect]:
    list(one.meet(meet(), 0.0))
    list(one.tick(OPENED))
    return hear(one, UP, OPENED + 0.02)


def test_both_open_their_own_nat_before_either_calls() -> None:
    """The public endpoint of the other; what is near needs no mapping."""
    for first in (True, False):
        one = path(first=first)
        assert list(one.meet(meet(at=(NEAR, THERE)), 0.0)) == [OpenNat(THERE, OWN_ROUTER)]
        assert list(one.tick(OPENED - 0.01)) == []
    hops = [next(path().meet(meet(turn), 0.0)) for turn in range(4)]
    assert hops == [OpenNat(THERE, OWN_ROUTER + more) for more in (0, 1, 2, 0)]


def test_the_first_calls_then_and_the_other_a_bit_later() -> None:
    one, second = path(), path(first=False)
    list(one.meet(meet(), 0.0))
    assert next(one.tick(OPENED)) == WarmPeer(OTHER, THERE)
    list(second.meet(meet(), 0.0))
    assert list(second.tick(OPENED)) == []
    assert next(second.tick(OPENED + SECOND_CALL)) == WarmPeer(OTHER, THERE)


def test_the_next_turn_is_the_other_s_and_in_the_third_both_call() -> None:
    for turn, calls in ((0, (1, 0)), (1, (0, 1)), (2, (1, 1)), (3, (1, 0))):
        found = []
        for first in (True, False):
            one = path(first=first)
            list(one.meet(meet(turn), 0.0))
            found.append(len(list(one.tick(OPENED))) > 0)
        assert tuple(found) == calls


def test_who_does_not_want_it_is_not_introduced() -> None:
    one = path()
    one.due = 10.0
    assert list(one.meet(meet(), 0.0)) == []
    assert one.state is PairState.APART


def test_nobody_moves_before_both_have_heard_each_other() -> None:
    one = path()
    list(one.meet(meet(), 0.0))
    list(one.tick(OPENED))
    assert kinds(hear(one, 0, OPENED + 0.1)) == [], "the other has not heard us"
    assert one.state is PairState.OPENING
    list(one.tick(OPENED + OFTEN))
    hear(one, UP, OPENED + OFTEN + 0.1)
    assert one.state is PairState.WARM
    assert MoveDirect not in kinds(one.tick(OPENED + OFTEN + 0.2))


def test_the_leader_proposes_a_moment_and_moves_at_it_when_the_other_has_agreed() -> None:
    one = path()
    warm(one)
    effects = list(one.tick(0.3))
    (proposal,) = (said for said in sent(effects) if said.flags & AGREE)
    assert kinds(effects) == [ExpectDirect], "the other may be a bit early"
    assert proposal.wait >= 1000 * SOONEST
    assert kinds(hear(one, UP | AGREED, 0.32)) == []
    assert one.moment is not None
    assert MoveDirect in kinds(one.tick(one.moment))
    assert one.state is PairState.DIRECT


def test_without_an_agreement_it_proposes_again_and_then_gives_up() -> None:
    one, now = path(), 0.3
    warm(one)
    found: list[type] = []
    while one.state is PairState.WARM:
        found += kinds(one.tick(now))
        found += kinds(hear(one, UP, now + 0.01))
        now += 0.1
    assert found.count(CoolPeer) == 1
    assert set(found) == {ExpectDirect, CoolPeer}
    assert one.why == "no agreement in time"


def test_the_other_agrees_and_moves_at_the_moment_that_it_was_told() -> None:
    one = path(leader=False)
    warm(one)
    effects = hear(one, UP | AGREE, 0.4, wait=500)
    answer = sent(effects)
    assert kinds(effects) == [ExpectDirect]
    assert any(said.flags & AGREED for said in answer)
    moment = 0.4 + 0.5 - one.trip / 2
    assert MoveDirect not in kinds(one.tick(moment - 0.01))
    assert MoveDirect in kinds(one.tick(moment))


def test_a_leader_that_hears_that_the_other_has_moved_follows() -> None:
    one = path()
    warm(one)
    list(one.tick(0.3))
    assert MoveDirect in kinds(hear(one, UP | MOVED, 0.35))


def test_one_that_does_not_lead_takes_no_proposal_for_an_agreement() -> None:
    one = path(leader=True)
    warm(one)
    list(one.tick(0.3))
    hear(one, UP | AGREE, 0.31, wait=1)
    assert MoveDirect not in kinds(one.tick(1.5))


def test_an_agreement_that_comes_a_bit_late_is_one() -> None:
    one = path()
    warm(one)
    list(one.tick(0.3))
    assert one.moment is not None
    late = one.moment + LATE - 0.1
    assert MoveDirect not in kinds(one.tick(late))
    assert MoveDirect in kinds(hear(one, UP | AGREED, late))


def moved() -> DirectPath:
    one = path(leader=False)
    warm(one)
    hear(one, UP | AGREE, 0.4, wait=0)
    list(one.tick(0.5))
    assert one.state is PairState.DIRECT
    return one


def test_three_probes_without_an_answer_and_it_is_back_with_the_relays() -> None:
    one, now, found = moved(), 1.5, []
    while one.state is PairState.DIRECT and now < 10:
        found += kinds(one.tick(now))
        now += 1.0
    assert found == [MoveBack, CoolPeer]
    assert now < 5


def test_a_path_that_answers_stays() -> None:
    one = moved()
    for second in range(1, 100):
        assert kinds(one.tick(0.5 + second)) == []
        assert kinds(hear(one, UP | MOVED, 0.6 + second)) == []


def test_a_side_that_is_alone_goes_back_when_it_hears_so() -> None:
    one = moved()
    assert kinds(hear(one, UP, 0.6)) == [], "said before it could know"
    list(one.tick(1.5))
    assert kinds(hear(one, UP, 1.6)) == []
    list(one.tick(0.5 + GRACE + 1))
    assert kinds(hear(one, UP, 0.6 + GRACE + 1)) == [MoveBack, CoolPeer]


def test_an_agent_that_is_not_there_leaves_the_path_as_it_is() -> None:
    one = moved()
    for second in range(1, 20):
        assert kinds(one.tick(0.5 + second)) == []
        one.refused(0.6 + second)
    assert one.state is PairState.DIRECT


def test_each_endpoint_is_tried_the_near_one_first() -> None:
    one, now, calls = path(), 0.0, []
    for effect in one.meet(meet(at=(NEAR, THERE)), 0.0):
        calls.append(effect)
    while one.state is PairState.OPENING:
        now += 0.1
        calls += one.tick(now)
    at = [effect.endpoint for effect in calls if isinstance(effect, WarmPeer)]
    assert at == [NEAR, THERE]
    assert kinds(calls) == [OpenNat, WarmPeer, CoolPeer, WarmPeer, CoolPeer]


def test_an_attempt_that_failed_waits_until_every_router_has_forgotten_it() -> None:
    one, now, pauses = path(), 0.0, []
    for turn in range(12):
        list(one.meet(meet(turn), now))
        while one.state is PairState.OPENING:
            now += 0.5
            list(one.tick(now))
        pauses.append(one.due - now)
        now = one.due
    assert pauses[:3] == [CLEAN, 2 * CLEAN, 4 * CLEAN]
    assert pauses[-1] == LONGEST
    assert one.turn == 12
    assert OPEN_FOR < CLEAN


def test_what_was_direct_before_a_start_is_direct_and_watched() -> None:
    one = path()
    one.found_direct()
    found = [kind for second in range(6) for kind in kinds(one.tick(second))]
    assert found == [MoveBack, CoolPeer]


def test_one_that_is_apart_answers_so_that_the_other_learns_of_it() -> None:
    (answer,) = sent(path().receive(DirectProbe(7, 0, UP | MOVED), 1.0))
    assert answer.heard == 7
    assert answer.flags == ANSWER
