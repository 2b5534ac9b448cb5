"""WireGuard keys as types that cannot leak by accident.

A `PrivateKey`, `PresharedKey` or `NetworkSecret` redacts itself in `repr`, `str`, `format`,
pickles and therefore in logs, diffs and errors; the text comes out only through `reveal()`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Callable, Iterable, Sequence

from meshc.errors import KeyFormatError
from meshc.secret import Secret

KEY_LENGTH = 32
_NO_KEY = "A" * 43 + "="
_LAST_CHARACTERS = frozenset("AEIMQUYcgkosw048")
_PSK_LABEL = b"meshc preshared key v1\0"
_FINGERPRINT_LABEL = b"meshc fingerprint of a network secret"


def load() -> None:
    """Imports cryptography, which every public key needs, for a process that is about to fork.
    Otherwise that waits for the first key: commands that need none stay fast."""
    PrivateKey.generate().public_key()


class PublicKey(str):
    """An X25519 public key as wg(8) prints it: 44 characters of base64. Not secret."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> PublicKey:
        """Raises: KeyFormatError unless it is the base64 of 32 bytes."""
        return cls(encode(decode(text)))

    @property
    def raw(self) -> bytes:
        return decode(self)


class _Key(Secret):
    """32 secret bytes."""

    __slots__ = ("_raw",)

    def __init__(self, raw: bytes) -> None:
        if len(raw) != KEY_LENGTH:
            raise KeyFormatError(f"a key has {KEY_LENGTH} bytes, not {len(raw)}")
        self._raw = bytes(raw)

    def _bytes(self) -> bytes:
        return self._raw

    @property
    def raw(self) -> bytes:
        return self._raw

    def reveal(self) -> str:
        """The base64 text, for the one file or pipe that must carry it."""
        return encode(self._raw)


class PrivateKey(_Key):
    """An X25519 private key, clamped as `wg genkey` does (RFC 7748 section 5)."""

    __slots__ = ()

    @classmethod
    def generate(cls) -> PrivateKey:
        return cls(clamp(os.urandom(KEY_LENGTH)))

    @classmethod
    def parse(cls, text: str) -> PrivateKey:
        """Raises: KeyFormatError; the message never holds the text."""
        return cls(decode(text))

    def public_key(self) -> PublicKey:
        """The public half, equal to `wg pubkey`."""
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

        public = X25519PrivateKey.from_private_bytes(self._raw).public_key()
        return PublicKey(encode(public.public_bytes_raw()))


class PresharedKey(_Key):
    """The optional symmetric key of one link (whitepaper section 5.4, `psk`)."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> PresharedKey:
        """Raises: KeyFormatError; the message never holds the text."""
        return cls(decode(text))


class NetworkSecret(_Key):
    """The one secret of a network, from which the pre-shared key of each link is derived."""

    __slots__ = ()

    @classmethod
    def generate(cls) -> NetworkSecret:
        return cls(os.urandom(KEY_LENGTH))

    @classmethod
    def parse(cls, text: str) -> NetworkSecret:
        """Raises: KeyFormatError; the message never holds the text."""
        return cls(decode(text))

    def fingerprint(self) -> str:
        """What the lock file knows the secret by: it tells nothing about any key."""
        return hmac.digest(self._raw, _FINGERPRINT_LABEL, "sha256")[:16].hex()

    def preshared_key(self, one: PublicKey, other: PublicKey, epoch: int) -> PresharedKey:
        """The key of the link between two public keys, the same whichever is named first.

        HKDF-SHA256 (RFC 5869). The secret is uniformly random, so that it is the pseudorandom
        key itself (section 3.3: "skip the extract part"); one block of output is enough.
        """
        return PresharedKey(self.derive(one, other, epoch))

    def derive(self, one: PublicKey, other: PublicKey, epoch: int) -> bytes:
        """The 32 bytes of `preshared_key`, without the wrapping type: half a million of them
        are made for a full mesh of a thousand nodes."""
        low, high = (one, other) if one < other else (other, one)
        info = b"%b%b\0%b\0%d\x01" % (_PSK_LABEL, low.encode(), high.encode(), epoch)
        return hmac.digest(self._raw, info, "sha256")


class LinkKeys:
    """The pre-shared keys of many links, as base64 for files.

    Equal to `NetworkSecret.preshared_key`; half a million are made for a full mesh of a thousand
    nodes, so what they have in common is hashed once (RFC 2104: both pads are one block each).
    """

    __slots__ = ("_before", "_end", "_outer", "_start")

    def __init__(self, secret: NetworkSecret, epoch: int) -> None:
        pad = secret.raw.ljust(64, b"\0")
        self._start = hashlib.sha256(bytes(byte ^ 0x36 for byte in pad))
        self._start.update(_PSK_LABEL)
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in pad))
        self._end = b"\0%d\x01" % epoch
        self._before: dict[bytes, hashlib._Hash] = {}

    def of(self, own: bytes) -> Callable[[bytes], bytes]:
        """A function from a peer's public key (as base64) to the key of the link with it."""
        return lambda peer: self.all_of(own, (peer,))[0]

    def all_of(self, own: bytes, peers: Iterable[bytes]) -> list[bytes]:
        """The keys of one node's links with these peers."""
        before, end, outer = self._before, self._end, self._outer.copy
        encode, found = binascii.b2a_base64, list[bytes]()
        own_last = own + end
        own_first = (before.get(own) or self._first(own)).copy
        for peer in peers:
            if own < peer:
                state = own_first()
                state.update(peer + end)
            else:
                state = (before.get(peer) or self._first(peer)).copy()
                state.update(own_last)
            result = outer()
            result.update(state.digest())
            found.append(encode(result.digest(), newline=False))
        return found

    def _first(self, key: bytes) -> hashlib._Hash:
        """The hash after the lower of two keys."""
        state = self._start.copy()
        state.update(key + b"\0")
        self._before[key] = state
        return state


def clamp(raw: bytes) -> bytes:
    """Clears and sets the bits that X25519 fixes (RFC 7748 section 5)."""
    data = bytearray(raw)
    data[0] &= 248
    data[31] = (data[31] & 127) | 64
    return bytes(data)


def decode(text: str) -> bytes:
    """44 characters of base64 -> 32 bytes. Raises: KeyFormatError."""
    text = text.strip()
    if len(text) != 44 or text[43] != "=" or not text.isascii():
        raise KeyFormatError("a WireGuard key is 44 characters of base64 ending in '='")
    try:
        raw = binascii.a2b_base64(text, strict_mode=True)
    except (binascii.Error, ValueError):
        raise KeyFormatError("a WireGuard key is 44 characters of base64") from None
    # 43 characters carry 258 bits: canonical text has the last two clear (RFC 4648 section 3.5)
    if len(raw) != KEY_LENGTH or text[42] not in _LAST_CHARACTERS:
        raise KeyFormatError("a WireGuard key is the canonical base64 of 32 bytes")
    return raw


def decode_all(texts: Sequence[str]) -> bytes:
    """Many keys at once, in the time of a few: 32 bytes each, zeros for an empty text.

    43 characters are 32 bytes and two bits. With the padding read as a zero, those bits are a
    33rd byte, which is zero in the canonical form (RFC 4648 section 3.5).
    Raises: KeyFormatError when one is no key.
    """
    if not any(texts):
        return bytes(KEY_LENGTH * len(texts))
    if "" in texts:
        texts = [text or _NO_KEY for text in texts]
    joined, count = "".join(texts), len(texts)
    if len(joined) != 44 * count or joined[43::44] != "=" * count or joined.count("=") != count:
        raise KeyFormatError("a WireGuard key is 44 characters of base64 ending in '='")
    try:
        data = bytearray(binascii.a2b_base64(joined.replace("=", "A"), strict_mode=True))
    except ValueError:
        raise KeyFormatError("a WireGuard key is 44 characters of base64") from None
    if any(data[32::33]):
        raise KeyFormatError("a WireGuard key is the canonical base64 of 32 bytes")
    del data[32::33]
    return bytes(data)


def encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def fingerprint(key: PublicKey) -> str:
    """A short name for a public key in tables and messages."""
    return hashlib.sha256(key.encode()).hexdigest()[:12]
