"""Which handshake messages are worth a Diffie-Hellman: the gate in front of `noise`.

Everything here costs microseconds and no asymmetric cryptography. A message gets through when

1. its type, length and mac1 are right, and for an answer its receiver index is ours;
2. we are not under load; or it carries a valid mac2 and its source keeps to its rate; or its
   source is a newcomer that we can afford (below).

Under load everybody else gets a cookie reply (whitepaper 5.4.7). The whitepaper makes the
sender of an initiation wait 5 s before it uses the cookie. So that a peer need not wait that a
flood is not aimed at, a few initiations a second pass without one: the first of a second from
their neighbourhood (IPv4 /24 or /16, IPv6 /64 or /32), each size with a budget of its own. A
flood from some networks then leaves the others alone; one with sources all over the Internet
takes most of the budget, and newcomers need their cookie.

What is let in waits in a bounded queue, of which the device takes a few messages a tick, after
transport data.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from math import inf
from typing import TypeVar

from meshc.engine.proto import messages
from meshc.engine.proto.cookie import CookieChecker
from meshc.engine.proto.drop_reason import DropReason
from meshc.engine.proto.ratelimiter import RateLimiter, TokenBucket
from meshc.engine.proto.udp_path import UdpPath

# messages that wait for a Diffie-Hellman (wireguard-go QueueHandshakeSize)
QUEUE_LIMIT = 1024
# so many waiting, or more than so many a second, is load
LOAD_QUEUE = 128
LOAD_RATE = 500.0
LOAD_BURST = 500.0
# under load stays on for so long after the last sign of it (wireguard-go UnderLoadAfterTime)
LOAD_HOLD = 1.0
# newcomers a second without a cookie under load: in all, and from one neighbourhood
NEWCOMER_RATE = 200.0
NEIGHBOUR_RATE = 1.0
# answers to our own initiations a second, without a cookie under load
ANSWER_RATE = 200.0
# leading bytes of an address: what one customer has, and what one provider has
_NEIGHBOURHOODS = {4: (3, 2), 16: (8, 4)}
# cookie replies a second; each costs about 20 microseconds, most of them for sending. While
# transport data waits behind a flood they are few: who gets none tries again
COOKIE_RATE = 8000.0
BUSY_COOKIE_RATE = 500.0

Sender = TypeVar("Sender")

_LENGTHS = {
    b"\x01\0\0\0": messages.INITIATION_LENGTH,
    b"\x02\0\0\0": messages.RESPONSE_LENGTH,
    b"\x03\0\0\0": messages.COOKIE_REPLY_LENGTH,
}
_INITIATION_TYPE = b"\x01\0\0\0"
_RESPONSE_TYPE = b"\x02\0\0\0"
_COOKIE_REPLY_TYPE = b"\x03\0\0\0"


class Admission:
    """The gate and the queue behind it. `knows_index` tells whether a receiver index is ours;
    `reply` sends a cookie reply."""

    def __init__(
        self,
        *,
        rng: Callable[[int], bytes],
        knows_index: Callable[[int], bool],
        reply: Callable[[UdpPath, bytes], None],
    ) -> None:
        self.queue: deque[tuple[bytes, UdpPath]] = deque()
        self.under_load = False
        # transport data waits: the shell cannot keep up with what arrives
        self.busy = False
        self._rng = rng
        self._knows_index = knows_index
        self._reply = reply
        self._checker: CookieChecker | None = None
        self._load_until = -inf
        self._arrivals = TokenBucket(LOAD_RATE, LOAD_BURST)
        self._answers = TokenBucket(ANSWER_RATE, ANSWER_RATE)
        self._cookies = TokenBucket(COOKIE_RATE, COOKIE_RATE / 4)
        self._busy_cookies = TokenBucket(BUSY_COOKIE_RATE, BUSY_COOKIE_RATE / 4)
        self._by_source = RateLimiter()
        self._newcomers = tuple(
            (RateLimiter(rate=NEIGHBOUR_RATE, burst=1), TokenBucket(NEWCOMER_RATE, NEWCOMER_RATE))
            for _ in range(2)
        )

    def set_public_key(self, public_key: bytes | None) -> None:
        """Our identity changed: macs are made for our public key."""
        self._checker = CookieChecker(public_key, self._rng) if public_key else None
        self.queue.clear()

    def sift(
        self, batch: Sequence[tuple[bytes, Sender]]
    ) -> tuple[list[tuple[bytes, Sender]], list[tuple[bytes, Sender]]]:
        """The initiations that have a right mac1, and what is no initiation by its type and length;
        left out is what `refuse` would say BAD_MAC1 of."""
        kind, length = _INITIATION_TYPE, messages.INITIATION_LENGTH
        if self._checker is None:
            return [], list(batch)
        initiations = [item for item in batch if len(item[0]) == length and item[0][:4] == kind]
        others = []
        if len(initiations) < len(batch):
            others = [item for item in batch if len(item[0]) != length or item[0][:4] != kind]
        return self._checker.with_mac1(initiations), others

    def offer(self, data: bytes, endpoint: UdpPath, now: float) -> DropReason | None:
        """Queues the message, or says why not."""
        return self.refuse(data) or self.admit(data, endpoint, now)

    def refuse(self, data: bytes) -> DropReason | None:
        """What is wrong with type, length or mac1: all that a sender who does not know our public
        key can make us look at, not even its address."""
        kind = data[:4]
        length = _LENGTHS.get(kind)
        if length is None:
            return DropReason.UNKNOWN_MESSAGE
        if len(data) != length:
            return DropReason.BAD_LENGTH
        checker = self._checker
        if checker is None:
            return DropReason.NO_PRIVATE_KEY
        if kind != _COOKIE_REPLY_TYPE and not checker.check_mac1(data):
            return DropReason.BAD_MAC1
        return None

    def admit(self, data: bytes, endpoint: UdpPath, now: float) -> DropReason | None:
        """Queues a message that `refuse` let pass, or says why not."""
        checker, kind = self._checker, data[:4]
        if checker is None:
            return DropReason.NO_PRIVATE_KEY
        if kind != _INITIATION_TYPE:
            at = 4 if kind == _COOKIE_REPLY_TYPE else 8
            if not self._knows_index(int.from_bytes(data[at : at + 4], "little")):
                return DropReason.UNKNOWN_INDEX
        if kind != _COOKIE_REPLY_TYPE and self._is_loaded(now):
            # an answer names an index of ours that a flood does not know: so that we can still
            # reach others, some need no cookie
            is_answer = kind == _RESPONSE_TYPE and self._answers.take(now)
            reason = None if is_answer else self._under_load(checker, data, endpoint, now)
            if reason is not None:
                return reason
        if len(self.queue) >= QUEUE_LIMIT:
            return DropReason.HANDSHAKE_QUEUE_FULL
        self.queue.append((data, endpoint))
        return None

    def update_load(self, now: float) -> bool:
        """Recomputes `under_load`; True when it changed."""
        if len(self.queue) >= LOAD_QUEUE:
            self._load_until = now + LOAD_HOLD
        before = self.under_load
        self.under_load = now < self._load_until
        return before != self.under_load

    @property
    def load_ends(self) -> float:
        """When `under_load` is to be looked at again; infinity when it is off."""
        return self._load_until if self.under_load else inf

    def _is_loaded(self, now: float) -> bool:
        if not self._arrivals.take(now):
            self._load_until = now + LOAD_HOLD
        return now < self._load_until or len(self.queue) >= LOAD_QUEUE

    def _under_load(
        self, checker: CookieChecker, data: bytes, endpoint: UdpPath, now: float
    ) -> DropReason | None:
        """Cookie, rate, newcomers; None lets the message in."""
        source = endpoint.packed()
        address = source[:-2]
        if checker.check_mac2(data, source, now):
            # everyone has a whole /64 of IPv6 addresses
            host = address if len(address) == 4 else address[:8]
            return None if self._by_source.allow(host, now) else DropReason.RATE_LIMITED
        small, large = _NEIGHBOURHOODS[len(address)]
        if self._passes(0, address[:small], now) or self._passes(1, address[:large], now):
            return None
        if (not self.busy or self._busy_cookies.take(now)) and self._cookies.take(now):
            sender_index = int.from_bytes(data[4:8], "little")
            self._reply(
                endpoint,
                checker.create_reply(data, receiver_index=sender_index, source=source, now=now),
            )
        return DropReason.UNDER_LOAD

    def _passes(self, which: int, neighbourhood: bytes, now: float) -> bool:
        """Whether a newcomer from there goes without a cookie."""
        limiter, budget = self._newcomers[which]
        return limiter.allow(neighbourhood, now) and budget.take(now)
