"""Keypairs: a session's two transport keys, and the three sessions that a peer may have at once."""

from __future__ import annotations

from collections.abc import Iterator

from meshc.engine.proto.constants import REJECT_AFTER_MESSAGES, REJECT_AFTER_TIME
from meshc.engine.proto.datapath import road


class Keypair:
    """One session: the key that seals and the one that opens; `local_index` is what the peer
    puts into its messages.
    """

    __slots__ = (
        "birthday",
        "is_initiator",
        "local_index",
        "opening",
        "sealing",
    )

    def __init__(
        self,
        *,
        send_key: bytes,
        receive_key: bytes,
        local_index: int,
        remote_index: int,
        is_initiator: bool,
        birthday: float,
    ) -> None:
        keys = road.taken()
        self.sealing = keys.sealing_key(send_key, remote_index)
        self.opening = keys.opening_key(receive_key)
        self.local_index = local_index
        self.is_initiator = is_initiator
        self.birthday = birthday

    def __repr__(self) -> str:
        return f"Keypair(local_index={self.local_index:#010x})"

    def usable(self, now: float, messages: int = 1) -> bool:
        """Whether `messages` more may be sent (whitepaper 6.2, REJECT_AFTER_*)."""
        return (
            now - self.birthday < REJECT_AFTER_TIME
            and self.sealing.counter + messages <= REJECT_AFTER_MESSAGES
        )


class Keypairs:
    """At most three sessions: `current` sends; `next` is a responder's until the initiator
    confirms it; `previous` still opens what was under way."""

    __slots__ = ("current", "next", "previous")

    def __init__(self) -> None:
        self.previous: Keypair | None = None
        self.current: Keypair | None = None
        self.next: Keypair | None = None

    def __iter__(self) -> Iterator[Keypair]:
        for keypair in (self.previous, self.current, self.next):
            if keypair is not None:
                yield keypair

    def insert(self, new: Keypair) -> list[Keypair]:
        """Puts a fresh session in its place; returns those that fell out.

        An initiator's session is confirmed by the response itself, so that it becomes
        `current`; a responder's is `next` until data arrives in it (whitepaper 5.1: the
        responder may not send before it has received).
        """
        if new.is_initiator:
            # a `next` that was never confirmed is newer than `current`: it is the one to keep
            if self.next is not None:
                dropped = [self.previous, self.current]
                self.previous, self.next = self.next, None
            else:
                dropped = [self.previous]
                self.previous = self.current
            self.current = new
        else:
            dropped = [self.next, self.previous]
            self.next, self.previous = new, None
        return [keypair for keypair in dropped if keypair is not None]

    def confirm(self, keypair: Keypair) -> tuple[bool, list[Keypair]]:
        """Called for the session of an authenticated message: `next` becomes `current`.

        Returns whether it was `next`, and those that fell out.
        """
        if keypair is not self.next:
            return False, []
        dropped = [] if self.previous is None else [self.previous]
        self.previous, self.current, self.next = self.current, keypair, None
        return True, dropped

    def clear(self) -> list[Keypair]:
        """Forgets all; returns them."""
        dropped = list(self)
        self.previous = self.current = self.next = None
        return dropped
