"""A session's two transport keys, and the three sessions that a peer may have at once."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from meshc.engine.proto.constants import REJECT_AFTER_MESSAGES, REJECT_AFTER_TIME
from meshc.engine.proto.replay import ReplayWindow

_HEADER = struct.Struct("<II")


class Keypair:
    """One session: `seal` and `open` are the AEADs' bound methods, so that the data path pays
    for no lookup; both take (nonce, data, None), and their `_into` forms a buffer besides.

    `header` holds the first eight bytes of every message sent (type 4, their index);
    `local_index` is what they put in theirs. `send_counter` is the next counter to use.
    """

    __slots__ = (
        "birthday",
        "header",
        "is_initiator",
        "local_index",
        "open",
        "open_into",
        "remote_index",
        "replay",
        "seal",
        "seal_into",
        "send_counter",
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
        sealer, opener = ChaCha20Poly1305(send_key), ChaCha20Poly1305(receive_key)
        self.seal, self.seal_into = sealer.encrypt, sealer.encrypt_into
        self.open, self.open_into = opener.decrypt, opener.decrypt_into
        self.header = _HEADER.pack(4, remote_index)
        self.local_index = local_index
        self.remote_index = remote_index
        self.is_initiator = is_initiator
        self.birthday = birthday
        self.send_counter = 0
        self.replay = ReplayWindow()

    def __repr__(self) -> str:
        return f"Keypair(local_index={self.local_index:#010x})"

    def usable(self, now: float, messages: int = 1) -> bool:
        """Whether `messages` more may be sent (whitepaper 6.2, REJECT_AFTER_*)."""
        return (
            now - self.birthday < REJECT_AFTER_TIME
            and self.send_counter + messages <= REJECT_AFTER_MESSAGES
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
