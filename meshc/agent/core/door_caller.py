"""The caller at a door: a new machine that asks until it has its answer, whole."""

from __future__ import annotations

from meshc.agent.core.door_desk import WINDOW
from meshc.agent.core.door_message import (
    PART,
    Done,
    DoorMessage,
    Fetch,
    Knock,
    Offer,
    Part,
    Wait,
    short_hash,
)

POLL = 2.0
"""Seconds between two knocks."""
PATIENCE = 1.0
"""Seconds until parts that are missing are asked for again."""
MOST = 6 << 20


class DoorCaller:
    """One request. `answer` is there once it has come whole, `heard` whether anybody answers."""

    def __init__(self, request: bytes, now: float) -> None:
        self._request = request
        self._digest = short_hash(request)
        self._offer: Offer | None = None
        self._parts: dict[int, bytes] = {}
        self._window = 0
        self.wakes = now
        self.heard = False
        self.answer: bytes | None = None

    def due(self, now: float) -> list[DoorMessage]:
        """What is to be said at this time."""
        if self.answer is not None or now < self.wakes:
            return []
        if self._offer is None:
            self.wakes = now + POLL
            return [Knock(self._request)]
        # the answer may have been made again: ask by both
        return [Knock(self._request), *self._wish(now)]

    def receive(self, message: DoorMessage, now: float) -> list[DoorMessage]:
        """What the door says, and what is said to that."""
        match message:
            case Wait() if message.digest == self._digest:
                self.heard = True
            case Offer() if message.digest == self._digest and 0 < message.length <= MOST:
                self.heard = True
                if message != self._offer:
                    self._offer, self._parts, self._window = message, {}, 0
                    return self._wish(now)
            case Part() if self._offer is not None and message.tag == self._offer.tag:
                return self._took(self._offer, message, now)
        return []

    def _took(self, offer: Offer, part: Part, now: float) -> list[DoorMessage]:
        if part.offset % PART or len(part.data) != min(PART, offer.length - part.offset):
            return []
        self._parts[part.offset] = part.data
        missing = self._missing(offer)
        if missing is None:
            whole = b"".join(self._parts[at] for at in sorted(self._parts))
            if short_hash(whole) != offer.tag:
                self._offer, self._parts = None, {}
                return []
            self.answer = whole
            return [Done(offer.tag)]
        return self._wish(now) if missing >= self._window + WINDOW * PART else []

    def _missing(self, offer: Offer) -> int | None:
        """Where the first part is missing."""
        starts = range(self._window, offer.length, PART)
        return next((at for at in starts if at not in self._parts), None)

    def _wish(self, now: float) -> list[DoorMessage]:
        assert self._offer is not None
        self.wakes = now + PATIENCE
        self._window = self._missing(self._offer) or 0
        return [Fetch(self._offer.tag, self._window)]
