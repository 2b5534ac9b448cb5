"""mac1, mac2 and cookies: how a responder under load is not made to work (whitepaper 5.3, 5.4.4,
5.4.7).

mac1 shows that the sender knows our public key and costs one hash to check. Under load, mac2
must show that it receives at the address it sends from: it is keyed with a cookie that was sent
there. `CookieChecker` is the receiver's side, `CookieGenerator` the sender's, one per peer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2s
from hmac import compare_digest
from math import inf
from typing import TypeVar

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from meshc.engine.proto.constants import COOKIE_REFRESH_TIME, LABEL_COOKIE, LABEL_MAC1
from meshc.engine.proto.messages import MessageCookieReply
from meshc.engine.proto.primitives import HASH, MAC, hchacha20, xunseal

Sender = TypeVar("Sender")

_NO_MAC = bytes(16)
_MASK64 = (1 << 64) - 1


class CookieChecker:
    """Checks the macs of messages sent to us and makes cookie replies."""

    __slots__ = (
        "_cookie_key",
        "_mac1_key",
        "_nonce_count",
        "_nonce_prefix",
        "_rng",
        "_sealer",
        "_secret",
        "_secret_time",
    )

    def __init__(self, public_key: bytes, rng: Callable[[int], bytes]) -> None:
        self._mac1_key = HASH(LABEL_MAC1, public_key)
        self._cookie_key = HASH(LABEL_COOKIE, public_key)
        self._rng = rng
        self._secret = b""
        self._secret_time = -inf
        self._nonce_prefix = b""
        self._nonce_count = 0
        self._sealer = ChaCha20Poly1305(bytes(32))

    def __repr__(self) -> str:
        return "CookieChecker()"

    def check_mac1(self, data: bytes) -> bool:
        """mac1 covers everything before it: msg[0 : msg.mac1].

        Compared in the plain way, since its key is made of our public key: there is nothing to
        learn from the time.
        """
        return MAC(self._mac1_key, data[:-32]) == data[-32:-16]

    def with_mac1(self, batch: Sequence[tuple[bytes, Sender]]) -> list[tuple[bytes, Sender]]:
        """Those whose first part passes `check_mac1`: written out, since a flood has us do nothing
        else."""
        key = self._mac1_key
        return [
            item
            for item in batch
            if blake2s(item[0][:-32], key=key, digest_size=16).digest() == item[0][-32:-16]
        ]

    def check_mac2(self, data: bytes, source: bytes, now: float) -> bool:
        """mac2 covers everything before it; `source` is address and port, packed."""
        if data[-16:] == _NO_MAC or now - self._secret_time >= COOKIE_REFRESH_TIME:
            return False
        cookie = MAC(self._secret, source)
        return compare_digest(MAC(cookie, data[:-16]), data[-16:])

    def create_reply(self, data: bytes, *, receiver_index: int, source: bytes, now: float) -> bytes:
        """A cookie for `source`, bound to the message's mac1.

        The secret "changes every two minutes" (5.4.7); a cookie is worth nothing after that.
        """
        if now - self._secret_time >= COOKIE_REFRESH_TIME:
            self._renew(now)
        self._nonce_count = (self._nonce_count + 1) & _MASK64
        count = self._nonce_count.to_bytes(8, "little")
        cookie = MAC(self._secret, source)
        sealed = self._sealer.encrypt(bytes(4) + count, cookie, data[-32:-16])
        return MessageCookieReply(receiver_index, self._nonce_prefix + count, sealed).pack()

    def _renew(self, now: float) -> None:
        """A new secret, and a new half of the nonces.

        Replies are made by the thousand in a flood. Sixteen random bytes a secret and a counter
        are as unique as 24 random bytes, and the subkey of XChaCha20 depends on the former only.
        """
        self._secret = self._rng(32)
        self._secret_time = now
        self._nonce_prefix = self._rng(16)
        self._nonce_count = int.from_bytes(self._rng(8), "little")
        self._sealer = ChaCha20Poly1305(hchacha20(self._cookie_key, self._nonce_prefix))


class CookieGenerator:
    """Puts the macs on messages to one peer and keeps the cookie it sent."""

    __slots__ = ("_cookie", "_cookie_key", "_cookie_time", "_last_mac1", "_mac1_key")

    def __init__(self, public_key: bytes) -> None:
        self._mac1_key = HASH(LABEL_MAC1, public_key)
        self._cookie_key = HASH(LABEL_COOKIE, public_key)
        self._cookie = b""
        self._cookie_time = -inf
        self._last_mac1: bytes | None = None

    def __repr__(self) -> str:
        return "CookieGenerator()"

    def add_macs(self, data: bytes, now: float) -> bytes:
        """A packed initiation or response -> the same with mac1, and mac2 if a cookie is fresh."""
        body = data[:-32]
        mac1 = MAC(self._mac1_key, body)
        self._last_mac1 = mac1
        if now - self._cookie_time >= COOKIE_REFRESH_TIME:
            return body + mac1 + _NO_MAC
        return body + mac1 + MAC(self._cookie, body + mac1)

    def consume_reply(self, message: MessageCookieReply, now: float) -> bool:
        """Keeps the cookie if it answers the last message we sent; False leaves all as it was."""
        if self._last_mac1 is None:
            return False
        cookie = xunseal(self._cookie_key, message.nonce, message.cookie, self._last_mac1)
        if cookie is None:
            return False
        self._cookie = cookie
        self._cookie_time = now
        self._last_mac1 = None
        return True
