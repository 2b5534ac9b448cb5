from __future__ import annotations

from meshc.engine.proto.ratelimiter import RateLimiter, TokenBucket

A, B = bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])


def test_a_bucket_gives_its_burst_then_its_rate():
    bucket = TokenBucket(10.0, 3.0)
    assert [bucket.take(0.0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(0.1), bucket.take(0.1)] == [True, False]
    assert [bucket.take(9.0) for _ in range(4)] == [True, True, True, False]


def test_a_bucket_survives_a_clock_that_goes_back():
    bucket = TokenBucket(10.0, 1.0)
    assert bucket.take(5.0)
    assert not bucket.take(4.0)


def test_sources_do_not_share():
    limiter = RateLimiter(rate=1.0, burst=1.0)
    assert limiter.allow(A, 0.0)
    assert not limiter.allow(A, 0.0)
    assert limiter.allow(B, 0.0)


def test_twenty_a_second_in_the_long_run():
    limiter = RateLimiter()
    allowed = sum(limiter.allow(A, tick / 1000) for tick in range(10_000))
    assert 200 <= allowed <= 206


def test_memory_is_bounded_and_comes_back():
    limiter = RateLimiter(rate=1.0, burst=1.0, limit=100)
    for number in range(1000):
        limiter.allow(number.to_bytes(4, "big"), 0.0)
    assert len(limiter) == 100
    assert not limiter.allow(A, 0.5)
    assert limiter.allow(A, 1.0)
    assert len(limiter) <= 100
