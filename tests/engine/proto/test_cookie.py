from __future__ import annotations

import hashlib
import itertools

from meshc.engine.proto.cookie import CookieChecker, CookieGenerator
from meshc.engine.proto.messages import MessageCookieReply, MessageInitiation
from meshc.engine.proto.primitives import xseal

RECEIVER = bytes(range(32))
SOURCE = bytes([192, 0, 2, 1]) + (51820).to_bytes(2, "big")
INITIATION = MessageInitiation(7, b"e" * 32, b"s" * 48, b"t" * 28).pack()


def counting_rng():
    numbers = itertools.count(1)
    return lambda size: next(numbers).to_bytes(size, "big")


def setup():
    return CookieChecker(RECEIVER, counting_rng()), CookieGenerator(RECEIVER)


def obtain(checker, generator, *, now, source=SOURCE):
    """An initiation is answered with a cookie."""
    data = generator.add_macs(INITIATION, now)
    reply = checker.create_reply(data, receiver_index=7, source=source, now=now)
    message = MessageCookieReply.parse(reply)
    assert message is not None
    return message


def test_mac1_is_written_out_from_5_4_4():
    _, generator = setup()
    data = generator.add_macs(INITIATION, 0.0)
    mac1_key = hashlib.blake2s(b"mac1----" + RECEIVER).digest()
    mac1 = hashlib.blake2s(INITIATION[:116], key=mac1_key, digest_size=16).digest()
    assert data == INITIATION[:116] + mac1 + bytes(16)


def test_mac1_is_checked():
    checker, generator = setup()
    data = generator.add_macs(INITIATION, 0.0)
    assert checker.check_mac1(data)
    assert not checker.check_mac1(data[:20] + b"x" + data[21:])
    assert not checker.check_mac1(INITIATION)
    assert not CookieChecker(bytes(32), counting_rng()).check_mac1(data)


def test_a_cookie_makes_a_valid_mac2_for_its_source_alone():
    checker, generator = setup()
    message = obtain(checker, generator, now=10.0)
    assert message.receiver_index == 7
    assert generator.consume_reply(message, 11.0)
    data = generator.add_macs(INITIATION, 12.0)
    assert checker.check_mac1(data)
    assert checker.check_mac2(data, SOURCE, 12.0)
    assert not checker.check_mac2(data, SOURCE[:-1] + b"\0", 12.0)
    assert not checker.check_mac2(data[:-1] + bytes([data[-1] ^ 1]), SOURCE, 12.0)


def test_the_cookie_reply_is_written_out_from_5_4_7():
    checker = CookieChecker(RECEIVER, counting_rng())
    data = CookieGenerator(RECEIVER).add_macs(INITIATION, 0.0)
    reply = checker.create_reply(data, receiver_index=9, source=SOURCE, now=0.0)
    secret = (1).to_bytes(32, "big")
    nonce = (2).to_bytes(16, "big") + (
        int.from_bytes((3).to_bytes(8, "big"), "little") + 1
    ).to_bytes(8, "little")
    cookie = hashlib.blake2s(SOURCE, key=secret, digest_size=16).digest()
    cookie_key = hashlib.blake2s(b"cookie--" + RECEIVER).digest()
    sealed = xseal(cookie_key, nonce, cookie, data[116:132])
    assert reply == b"\3\0\0\0\x09\0\0\0" + nonce + sealed


def test_cookies_end_after_two_minutes_at_both_ends():
    checker, generator = setup()
    generator.consume_reply(obtain(checker, generator, now=0.0), 0.0)
    assert checker.check_mac2(generator.add_macs(INITIATION, 119.9), SOURCE, 119.9)
    stale = generator.add_macs(INITIATION, 119.9)
    assert not checker.check_mac2(stale, SOURCE, 120.0)
    assert generator.add_macs(INITIATION, 120.0)[-16:] == bytes(16)


def test_the_secret_changes_every_two_minutes():
    checker, generator = setup()
    obtain(checker, generator, now=0.0)
    first = checker._secret
    obtain(checker, generator, now=119.0)
    assert checker._secret == first
    obtain(checker, generator, now=120.0)
    assert checker._secret != first


def test_a_cookie_reply_counts_once_and_only_for_the_last_message():
    checker, generator = setup()
    message = obtain(checker, generator, now=0.0)
    assert generator.consume_reply(message, 0.0)
    assert not generator.consume_reply(message, 0.0)
    other = obtain(checker, CookieGenerator(RECEIVER), now=0.0)
    generator.add_macs(b"\1" + INITIATION[1:5] + b"different" + INITIATION[14:], 0.0)
    assert not generator.consume_reply(other, 0.0)
    assert not CookieGenerator(RECEIVER).consume_reply(other, 0.0)


def test_no_nonce_is_used_twice_even_where_the_counter_wraps():
    checker = CookieChecker(RECEIVER, lambda size: b"\xff" * size)
    nonces = set()
    for step in range(400):
        reply = checker.create_reply(INITIATION, receiver_index=9, source=SOURCE, now=0.0)
        nonces.add(reply[8:32])
        assert len(nonces) == step + 1
