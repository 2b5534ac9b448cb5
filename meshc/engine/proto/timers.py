"""The timers of a peer (whitepaper section 6) as deadlines.

A peer has five deadlines; "not running" is infinity. Setting one is a comparison and a store:
the heap is touched only when a deadline comes *earlier* than every entry that the peer has in
it. An entry that comes too soon is put back at the true deadline. Hence an idle peer costs
nothing, a busy one touches the heap about once per ten seconds, and a peer's entries are a
falling sequence of times, of which there are as many as there are kinds of deadline.

Theory of operation: the eight hooks below say what happened; `Device.handle_timeout` asks
`TimerQueue.due` and acts on what has expired. Deadlines follow wireguard-go's `timers.go`.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from math import inf
from struct import unpack
from typing import Generic, TypeVar

from meshc.engine.proto.constants import (
    KEEPALIVE_TIMEOUT,
    REKEY_TIMEOUT,
    REKEY_TIMEOUT_JITTER,
    ZERO_KEYS_AFTER_TIME,
)

Owner = TypeVar("Owner")

TIMER_NAMES = (
    "retransmit_handshake",
    "send_keepalive",
    "new_handshake",
    "zero_key_material",
    "persistent_keepalive",
)


class Timers(Generic[Owner]):
    """The five deadlines of one peer and the hooks that move them."""

    __slots__ = (
        *TIMER_NAMES,
        "_queue",
        "armed",
        "entries",
        "interval",
        "need_another_keepalive",
        "owner",
    )

    def __init__(self, owner: Owner, queue: TimerQueue[Owner]) -> None:
        self.owner = owner
        self._queue = queue
        self.armed = inf  # our earliest entry in the heap
        self.entries: list[float] = []  # all of them, falling
        self.interval = 0  # persistent keepalive in seconds, 0 is off
        self.need_another_keepalive = False
        self.retransmit_handshake = inf
        self.send_keepalive = inf
        self.new_handshake = inf
        self.zero_key_material = inf
        self.persistent_keepalive = inf

    # --- hooks -------------------------------------------------------------------------

    def data_sent(self, now: float) -> None:
        """After transport data with content was sent (6.4: no answer in 15 s → handshake)."""
        if self.new_handshake == inf:
            self.new_handshake = now + KEEPALIVE_TIMEOUT + REKEY_TIMEOUT + self._queue.jitter()
            self._arm(self.new_handshake)

    def data_received(self, now: float) -> None:
        """After transport data with content was authenticated (6.5: passive keepalive)."""
        if self.send_keepalive == inf:
            self.send_keepalive = now + KEEPALIVE_TIMEOUT
            self._arm(self.send_keepalive)
        else:
            self.need_another_keepalive = True

    def any_authenticated_packet_sent(self) -> None:
        """After anything but an initiation's retransmission was sent in a session."""
        self.send_keepalive = inf

    def any_authenticated_packet_received(self) -> None:
        """After any authenticated message arrived: the peer is alive."""
        self.new_handshake = inf

    def any_authenticated_packet_traversal(self, now: float) -> None:
        """After any authenticated message went either way: postpones persistent keepalive."""
        if self.interval:
            self.persistent_keepalive = now + self.interval
            self._arm(self.persistent_keepalive)

    def handshake_initiated(self, now: float) -> None:
        """After an initiation was sent (6.4: try again after REKEY_TIMEOUT plus jitter)."""
        self.retransmit_handshake = now + REKEY_TIMEOUT + self._queue.jitter()
        self._arm(self.retransmit_handshake)

    def handshake_complete(self) -> None:
        """After a response was consumed, or the first data in a responder's session."""
        self.retransmit_handshake = inf

    def session_derived(self, now: float) -> None:
        """After transport keys were derived (6.3: zeroed after REJECT_AFTER_TIME * 3)."""
        self.zero_key_material = now + ZERO_KEYS_AFTER_TIME
        self._arm(self.zero_key_material)

    # --- deadlines ---------------------------------------------------------------------

    def set(self, name: str, deadline: float) -> None:
        """Starts (or, with infinity, stops) one timer."""
        setattr(self, name, deadline)
        self._arm(deadline)

    def set_interval(self, interval: int, now: float) -> None:
        """Changes the persistent keepalive, in seconds; 0 switches it off."""
        self.interval = interval
        self.persistent_keepalive = inf
        self.any_authenticated_packet_traversal(now)

    def stop(self) -> None:
        """Stops all five."""
        for name in TIMER_NAMES:
            setattr(self, name, inf)
        self.need_another_keepalive = False

    def earliest(self) -> tuple[float, str]:
        """The next deadline and the name of its timer."""
        return min((getattr(self, name), name) for name in TIMER_NAMES)

    def take_expired(self, now: float) -> list[str]:
        """Names of the timers that are due; they no longer run."""
        expired = [name for name in TIMER_NAMES if getattr(self, name) <= now]
        for name in expired:
            setattr(self, name, inf)
        return expired

    def _arm(self, deadline: float) -> None:
        if deadline < self.armed:
            self.armed = deadline
            self.entries.append(deadline)
            self._queue.push(deadline, self)

    def entry_taken(self) -> None:
        """The earliest entry left the heap: arm the true deadline, unless another covers it."""
        self.entries.pop()
        self.armed = self.entries[-1] if self.entries else inf
        self._arm(self.earliest()[0])


class TimerQueue(Generic[Owner]):
    """All peers' next deadlines in a heap."""

    __slots__ = ("_heap", "_jitters", "_rng", "_serial")

    def __init__(self, rng: Callable[[int], bytes]) -> None:
        self._heap: list[tuple[float, int, Timers[Owner]]] = []
        self._jitters: list[int] = []
        self._rng = rng
        self._serial = 0

    def __len__(self) -> int:
        return len(self._heap)

    def jitter(self) -> float:
        """Between 0 and 334 ms, so that two ends do not collide for ever."""
        if not self._jitters:
            # many at once: a lone packet that is answered takes one, and each is a system call
            self._jitters = list(unpack("<32H", self._rng(64)))
        return self._jitters.pop() / 65536 * REKEY_TIMEOUT_JITTER

    def push(self, deadline: float, timers: Timers[Owner]) -> None:
        self._serial += 1
        heapq.heappush(self._heap, (deadline, self._serial, timers))

    def lower_bound(self) -> float:
        """A time before which no timer expires; infinity for none at all."""
        return self._heap[0][0] if self._heap else inf

    def next(self) -> tuple[float, str] | None:
        """The earliest deadline and its timer's name."""
        heap = self._heap
        while heap:
            deadline, _, timers = heap[0]
            earliest = timers.earliest()
            if earliest[0] <= deadline:
                return earliest
            heapq.heappop(heap)
            timers.entry_taken()
        return None

    def due(self, now: float) -> list[tuple[Owner, list[str]]]:
        """Every owner with expired timers and their names, each timer stopped."""
        result = []
        heap = self._heap
        while heap and heap[0][0] <= now:
            timers = heapq.heappop(heap)[2]
            expired = timers.take_expired(now)
            timers.entry_taken()
            if expired:
                result.append((timers.owner, expired))
        return result
