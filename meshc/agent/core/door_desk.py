"""The desk behind a door: it keeps requests for the controller and hands answers out.

It decides nothing and can read neither. What it keeps is bounded: so many different requests, and
none after the date; answers are the controller's.
"""

from __future__ import annotations

from collections.abc import Mapping

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

WINDOW = 16
"""Parts that are sent for one wish."""


class DoorDesk:
    """Of one door. `most` is how many different requests it keeps, `uses` how many machines it
    is for."""

    def __init__(self, most: int, uses: int) -> None:
        self._most, self._uses = most, uses
        self._requests: dict[bytes, bytes] = {}
        self._answers: dict[bytes, bytes] = {}
        self._by_tag: dict[bytes, bytes] = {}
        self._fetched: set[bytes] = set()

    @property
    def finished(self) -> bool:
        """Whether every machine that it is for has its answer."""
        return len(self._fetched) >= self._uses

    def answer(self, answers: Mapping[bytes, bytes]) -> None:
        """Answers by the digests of their requests."""
        for digest, answer in answers.items():
            self._answers[digest] = answer
        self._by_tag = {short_hash(one): one for one in self._answers.values()}

    def keep(self, request: bytes) -> bool:
        """Whether the request is, or was, kept."""
        digest = short_hash(request)
        if digest in self._requests:
            return True
        if len(self._requests) >= self._most:
            return False
        self._requests[digest] = request
        return True

    def requests(self) -> Mapping[bytes, bytes]:
        """Those that are kept, by their digests."""
        return dict(self._requests)

    def receive(self, message: DoorMessage, *, late: bool) -> list[DoorMessage]:
        """What is said to it; after the date (`late`) nobody new is taken."""
        match message:
            case Knock():
                return self._knocked(message.request, late=late)
            case Fetch():
                return self._parts(message)
            case Done() if message.tag in self._by_tag:
                # by request: an answer that was made again is still one machine's
                self._fetched |= {
                    d for d, a in self._answers.items() if short_hash(a) == message.tag
                }
        return []

    def _knocked(self, request: bytes, *, late: bool) -> list[DoorMessage]:
        digest = short_hash(request)
        answer = self._answers.get(digest)
        if answer is not None:
            return [Offer(digest, short_hash(answer), len(answer))]
        known = digest in self._requests
        return [Wait(digest)] if known or (not late and self.keep(request)) else []

    def _parts(self, wish: Fetch) -> list[DoorMessage]:
        answer = self._by_tag.get(wish.tag, b"")
        starts = range(wish.offset, min(len(answer), wish.offset + WINDOW * PART), PART)
        return [Part(wish.tag, at, answer[at : at + PART]) for at in starts]
