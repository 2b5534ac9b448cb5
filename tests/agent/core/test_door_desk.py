"""The desk: it keeps what fits, hands out what it was given, and decides nothing."""

from __future__ import annotations

from meshc.agent.core.door_desk import WINDOW, DoorDesk
from meshc.agent.core.door_message import PART, Done, Fetch, Knock, Offer, Part, Wait, short_hash

ANSWER = bytes(range(256)) * 80


def test_a_request_is_kept_and_said_to_be() -> None:
    desk = DoorDesk(4, 1)
    assert desk.receive(Knock(b"a"), late=False) == [Wait(short_hash(b"a"))]
    assert desk.requests() == {short_hash(b"a"): b"a"}


def test_a_flood_of_requests_is_bounded_and_who_was_first_stays() -> None:
    desk = DoorDesk(4, 1)
    for number in range(100):
        desk.receive(Knock(b"%d" % number), late=False)
    assert sorted(desk.requests().values()) == [b"0", b"1", b"2", b"3"]
    assert desk.receive(Knock(b"0"), late=False)
    assert desk.receive(Knock(b"99"), late=False) == []


def test_after_the_date_nobody_new_is_taken_and_who_asked_is_still_heard() -> None:
    desk = DoorDesk(4, 1)
    desk.receive(Knock(b"a"), late=False)
    assert desk.receive(Knock(b"b"), late=True) == []
    assert desk.receive(Knock(b"a"), late=True) == [Wait(short_hash(b"a"))]


def test_an_answer_is_handed_out_by_windows_and_counts_once_it_has_arrived() -> None:
    desk = DoorDesk(4, 1)
    desk.receive(Knock(b"a"), late=False)
    desk.answer({short_hash(b"a"): ANSWER})
    tag = short_hash(ANSWER)
    assert desk.receive(Knock(b"a"), late=False) == [Offer(short_hash(b"a"), tag, len(ANSWER))]
    got = b""
    while len(got) < len(ANSWER):
        parts = desk.receive(Fetch(tag, len(got)), late=False)
        assert 0 < len(parts) <= WINDOW
        assert all(isinstance(part, Part) and len(part.data) <= PART for part in parts)
        got += b"".join(part.data for part in parts if isinstance(part, Part))
    assert got == ANSWER
    assert not desk.finished
    desk.receive(Done(b"otherone"), late=False)
    assert not desk.finished
    desk.receive(Done(tag), late=False)
    assert desk.finished


def test_a_wish_beyond_the_end_or_for_nothing_brings_nothing() -> None:
    desk = DoorDesk(4, 1)
    assert desk.receive(Fetch(b"nothing!", 0), late=False) == []
    desk.answer({b"x": b"answer"})
    assert desk.receive(Fetch(short_hash(b"answer"), 1 << 31), late=False) == []
    assert desk.receive(Wait(b"x" * 8), late=False) == []


def test_two_machines_are_two() -> None:
    desk = DoorDesk(4, 2)
    desk.answer({b"a": b"one", b"b": b"two"})
    for _ in range(3):
        desk.receive(Done(short_hash(b"one")), late=False)
    assert not desk.finished
    desk.receive(Done(short_hash(b"two")), late=False)
    assert desk.finished
