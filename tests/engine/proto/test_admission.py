"""The gate in front of the handshake: what passes, what costs a cookie, what is bounded."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.engine.proto.admission import (
    ANSWER_RATE,
    BUSY_COOKIE_RATE,
    COOKIE_RATE,
    LOAD_BURST,
    NEWCOMER_RATE,
    QUEUE_LIMIT,
    Admission,
)
from meshc.engine.proto.cookie import CookieGenerator
from meshc.engine.proto.drop_reason import DropReason
from meshc.engine.proto.messages import MessageCookieReply, MessageInitiation, MessageResponse
from meshc.engine.proto.udp_path import UdpPath

OWN = bytes(range(32))
INITIATION = MessageInitiation(7, b"e" * 32, b"s" * 48, b"t" * 28).pack()
HERE = UdpPath("192.0.2.1", 51820)


class Gate:
    """An `Admission` and what it replied."""

    def __init__(self, indices: tuple[int, ...] = ()) -> None:
        self.replies: list[tuple[UdpPath, bytes]] = []
        self.admission = Admission(
            rng=random.Random(0).randbytes,
            knows_index=lambda index: index in indices,
            reply=lambda endpoint, data: self.replies.append((endpoint, data)),
        )
        self.admission.set_public_key(OWN)

    def offer(self, data: bytes, endpoint: UdpPath = HERE, now: float = 100.0):
        return self.admission.offer(data, endpoint, now)

    def flood(self, count: int, now: float = 100.0) -> list[DropReason | None]:
        """Initiations with a right mac1, each from a source of its own."""
        data = CookieGenerator(OWN).add_macs(INITIATION, now)
        sources = (UdpPath(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", 1) for n in itertools.count())
        result = []
        for source in itertools.islice(sources, count):
            result.append(self.offer(data, source, now))
            self.admission.queue.clear()
        self.admission.update_load(now)
        return result


def test_a_right_mac1_is_queued():
    gate = Gate()
    data = CookieGenerator(OWN).add_macs(INITIATION, 0.0)
    assert gate.offer(data) is None
    assert list(gate.admission.queue) == [(data, HERE)]


def test_the_cheap_refusals():
    gate = Gate()
    good = CookieGenerator(OWN).add_macs(INITIATION, 0.0)
    response = MessageResponse(1, 5, b"e" * 32, b"n" * 16).pack()
    response = CookieGenerator(OWN).add_macs(response, 0.0)
    cookie = MessageCookieReply(5, bytes(24), bytes(32)).pack()
    expected = {
        b"": DropReason.UNKNOWN_MESSAGE,
        b"\5\0\0\0" + bytes(144): DropReason.UNKNOWN_MESSAGE,
        b"\1\0\0\1" + good[4:]: DropReason.UNKNOWN_MESSAGE,
        good + b"\0": DropReason.BAD_LENGTH,
        good[:-1]: DropReason.BAD_LENGTH,
        INITIATION: DropReason.BAD_MAC1,
        response: DropReason.UNKNOWN_INDEX,
        cookie: DropReason.UNKNOWN_INDEX,
    }
    assert {data: gate.offer(data) for data in expected} == expected
    assert not gate.admission.queue
    known = Gate(indices=(5,))
    assert [known.offer(response), known.offer(cookie)] == [None, None]


@given(st.lists(st.integers(0, 6), max_size=12))
def test_sifting_a_batch_says_what_refusing_each_says(kinds: list[int]) -> None:
    gate = Gate()
    good = CookieGenerator(OWN).add_macs(INITIATION, 0.0)
    data = (good, INITIATION, good[:-1], b"\2" + good[1:], b"\4" + good[1:], good[:92], b"")
    batch = [(data[kind], number) for number, kind in enumerate(kinds)]

    with_mac1, others = gate.admission.sift(batch)

    reasons = {item: gate.admission.refuse(item[0]) for item in batch}
    assert with_mac1 == [item for item in batch if reasons[item] is None]
    dropped = set(batch) - set(with_mac1) - set(others)
    assert dropped == {item for item in batch if reasons[item] is DropReason.BAD_MAC1}


def test_without_a_private_key_nothing_passes():
    gate = Gate()
    data = CookieGenerator(OWN).add_macs(INITIATION, 0.0)
    gate.offer(data)
    gate.admission.set_public_key(None)
    assert not gate.admission.queue
    assert gate.offer(data) is DropReason.NO_PRIVATE_KEY


def test_the_queue_is_bounded():
    gate = Gate(indices=(5,))
    cookie = MessageCookieReply(5, bytes(24), bytes(32)).pack()
    results = [gate.offer(cookie) for _ in range(QUEUE_LIMIT + 10)]
    assert results.count(DropReason.HANDSHAKE_QUEUE_FULL) == 10
    assert len(gate.admission.queue) == QUEUE_LIMIT


def test_a_flood_is_load_and_gets_cookies():
    gate = Gate()
    results = gate.flood(5000)
    assert gate.admission.under_load
    let_in = results.count(None)
    assert LOAD_BURST <= let_in <= LOAD_BURST + 2 * NEWCOMER_RATE
    assert results.count(DropReason.UNDER_LOAD) == 5000 - let_in
    assert 0 < len(gate.replies) <= COOKIE_RATE / 4
    assert all(len(data) == 64 for _, data in gate.replies)


def test_while_data_waits_cookies_are_few():
    gate = Gate()
    gate.admission.busy = True
    gate.flood(5000)
    assert 0 < len(gate.replies) <= BUSY_COOKIE_RATE / 4


def test_load_ends_a_second_after_its_last_sign():
    gate = Gate()
    gate.flood(5000, now=100.0)
    assert gate.admission.load_ends == 101.0
    assert not gate.admission.update_load(100.9)
    assert gate.admission.update_load(101.0)
    assert not gate.admission.under_load


def test_under_load_a_cookie_lets_its_source_in_but_not_above_its_rate():
    gate = Gate()
    gate.flood(5000)
    neighbours = [UdpPath(f"192.0.2.{n}", 1) for n in range(2, 4)]
    for neighbour in neighbours:  # they pass instead of us
        gate.offer(CookieGenerator(OWN).add_macs(INITIATION, 0.0), neighbour, 100.0)
    generator = CookieGenerator(OWN)
    assert gate.offer(generator.add_macs(INITIATION, 100.0)) is DropReason.UNDER_LOAD
    reply = None
    for endpoint, data in gate.replies:
        if endpoint == HERE:
            reply = MessageCookieReply.parse(data)
    if reply is None:  # cookie replies are limited as well: a little later there are new ones
        gate.offer(generator.add_macs(INITIATION, 100.5), now=100.5)
        reply = MessageCookieReply.parse(gate.replies[-1][1])
    assert reply is not None
    assert reply.receiver_index == 7
    assert generator.consume_reply(reply, 100.5)
    data = generator.add_macs(INITIATION, 100.6)
    results = [gate.offer(data, now=100.6) for _ in range(10)]
    assert results == [None] * 5 + [DropReason.RATE_LIMITED] * 5


@pytest.mark.parametrize(
    "flooders",
    [
        [f"10.0.0.{n}" for n in range(250)],
        [f"10.{n >> 8}.{n & 255}.9" for n in range(0, 65_536, 13)],
        [f"192.0.{n & 127 | 128}.{n >> 7}" for n in range(5000)],
    ],
    ids=["one /24", "one /8", "the same /16"],
)
def test_a_newcomer_passes_under_a_flood_from_other_networks(flooders):
    gate = Gate()
    data = CookieGenerator(OWN).add_macs(INITIATION, 0.0)
    endpoints = [UdpPath(host, 1) for host in flooders]
    for tick in range(20_000):  # four seconds of 5,000 a second
        gate.offer(data, endpoints[tick % len(endpoints)], 100 + tick / 5000)
        gate.admission.queue.clear()
    assert gate.offer(data, endpoints[0], 104.0) is DropReason.UNDER_LOAD
    assert gate.offer(data, HERE, 104.05) is None


def test_under_load_our_own_initiations_are_still_answered():
    gate = Gate(indices=(5,))
    gate.flood(5000)
    response = MessageResponse(1, 5, b"e" * 32, b"n" * 16).pack()
    response = CookieGenerator(OWN).add_macs(response, 0.0)
    results = [gate.offer(response, now=100.0) for _ in range(int(ANSWER_RATE) + 3)]
    assert results[: int(ANSWER_RATE)] == [None] * int(ANSWER_RATE)
    assert results[-1] is DropReason.UNDER_LOAD


def test_ipv6_sources_share_their_64():
    gate = Gate()
    gate.flood(5000)
    data = CookieGenerator(OWN).add_macs(INITIATION, 0.0)
    hosts = [UdpPath(f"2001:db8:1:2::{n:x}", 1) for n in range(5)]
    # the first passes by its /64, the second by its /32
    results = [gate.offer(data, host, 100.9) for host in hosts]
    assert results == [None, *[DropReason.UNDER_LOAD] * 4] or results[:2] == [None, None]
    assert results[2:] == [DropReason.UNDER_LOAD] * 3


def test_memory_stays_bounded_in_a_flood():
    gate = Gate()
    for second in range(3):
        gate.flood(20_000, now=100.0 + second)
    assert len(gate.admission._by_source) <= 16_384
    for limiter, _ in gate.admission._newcomers:
        assert len(limiter) <= 16_384


@given(st.binary(max_size=160), st.booleans())
def test_anything_is_refused_without_an_exception(data, typed):
    gate = Gate()
    if typed:
        data = b"\1\0\0\0" + data
    assert gate.offer(data) is not None
