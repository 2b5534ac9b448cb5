"""Token buckets: one alone, and one per source address (whitepaper 5.3)."""

from __future__ import annotations

from math import inf

# wireguard-go ratelimiter.go: 20 a second, bursts of 5
HANDSHAKES_PER_SECOND = 20
BURST = 5
# one bucket costs about 200 bytes; a flood from more sources than this is refused as a whole
MAX_SOURCES = 16_384


class TokenBucket:
    """Allows `rate` a second, and `burst` at once."""

    __slots__ = ("_burst", "_rate", "_tokens", "_when")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst, self._tokens, self._when = rate, burst, burst, -inf

    def take(self, now: float) -> bool:
        """Takes one token if there is one."""
        self._tokens = min(self._burst, self._tokens + max(now - self._when, 0.0) * self._rate)
        self._when = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class RateLimiter:
    """Allows each source a rate. What a source is, an address or a prefix of one, is the
    caller's choice."""

    __slots__ = ("_buckets", "_burst", "_limit", "_rate")

    def __init__(
        self,
        *,
        rate: float = HANDSHAKES_PER_SECOND,
        burst: float = BURST,
        limit: int = MAX_SOURCES,
    ) -> None:
        self._rate = rate
        self._burst = burst
        self._limit = limit
        # source -> (tokens, when), in order of last use
        self._buckets: dict[bytes, tuple[float, float]] = {}

    def __len__(self) -> int:
        return len(self._buckets)

    def allow(self, source: bytes, now: float) -> bool:
        """Takes one token of `source` if there is one."""
        bucket = self._buckets.pop(source, None)
        if bucket is None:
            if len(self._buckets) >= self._limit and not self._evict(now):
                return False
            tokens = self._burst
        else:
            tokens = min(self._burst, bucket[0] + (now - bucket[1]) * self._rate)
        allowed = tokens >= 1
        self._buckets[source] = (tokens - 1 if allowed else tokens, now)
        return allowed

    def _evict(self, now: float) -> bool:
        """Drops buckets that are full again, oldest first; they say nothing."""
        refill = self._burst / self._rate
        while self._buckets:
            oldest = next(iter(self._buckets))
            if now - self._buckets[oldest][1] < refill:
                break
            del self._buckets[oldest]
        return len(self._buckets) < self._limit
