"""The functions of whitepaper section 5.4 under their own names.

`HMAC` is HMAC-BLAKE2s, `MAC` is *keyed* BLAKE2s: two functions, two names.
"""

from __future__ import annotations

import hmac
import struct
from hashlib import blake2s

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

ZERO_NONCE = bytes(12)
_WORDS8 = struct.Struct("<8I")
# "expand 32-byte k" (RFC 8439 section 2.3)
_SIGMA = (0x61707865, 0x3320646E, 0x79622D32, 0x6B206574)


def HASH(*parts: bytes) -> bytes:
    """BLAKE2s with 32 bytes of output (RFC 7693) over the parts in a row."""
    return blake2s(b"".join(parts)).digest()


def MAC(key: bytes, data: bytes) -> bytes:
    """Keyed BLAKE2s with 16 bytes of output."""
    return blake2s(data, key=key, digest_size=16).digest()


def HMAC(key: bytes, data: bytes) -> bytes:
    """HMAC-BLAKE2s, 32 bytes (RFC 2104)."""
    return hmac.digest(key, data, "blake2s")


def KDF1(key: bytes, data: bytes) -> bytes:
    """HKDF with one output (RFC 5869 with HMAC-BLAKE2s)."""
    return HMAC(HMAC(key, data), b"\x01")


def KDF2(key: bytes, data: bytes) -> tuple[bytes, bytes]:
    """HKDF with two outputs."""
    t0 = HMAC(key, data)
    t1 = HMAC(t0, b"\x01")
    return t1, HMAC(t0, t1 + b"\x02")


def KDF3(key: bytes, data: bytes) -> tuple[bytes, bytes, bytes]:
    """HKDF with three outputs."""
    t0 = HMAC(key, data)
    t1 = HMAC(t0, b"\x01")
    t2 = HMAC(t0, t1 + b"\x02")
    return t1, t2, HMAC(t0, t2 + b"\x03")


def DH(private: X25519PrivateKey, public: bytes) -> bytes | None:
    """X25519 (RFC 7748); None when the result is all zero (a point of low order)."""
    try:
        return private.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:
        return None


def seal(key: bytes, plain: bytes, authenticated: bytes) -> bytes:
    """AEAD with counter 0, as every handshake field is sealed (RFC 8439)."""
    return ChaCha20Poly1305(key).encrypt(ZERO_NONCE, plain, authenticated)


def unseal(key: bytes, sealed: bytes, authenticated: bytes) -> bytes | None:
    """The inverse of `seal`; None when it does not authenticate."""
    try:
        return ChaCha20Poly1305(key).decrypt(ZERO_NONCE, sealed, authenticated)
    except InvalidTag:
        return None


def hchacha20(key: bytes, nonce: bytes) -> bytes:
    """The subkey of XChaCha20 (draft-irtf-cfrg-xchacha-03 section 2.2); `nonce` has 16 bytes.

    HChaCha20 is the ChaCha20 block function without the final addition of the initial state,
    so that it is a block of key stream minus the words that were added.
    """
    block = Cipher(ChaCha20(key, nonce), mode=None).encryptor().update(bytes(64))
    first = struct.unpack_from("<4I", block, 0)
    last = struct.unpack_from("<4I", block, 48)
    added = (*_SIGMA, *struct.unpack("<4I", nonce))
    return _WORDS8.pack(
        *((word - start) & 0xFFFFFFFF for word, start in zip((*first, *last), added, strict=True))
    )


def xseal(key: bytes, nonce: bytes, plain: bytes, authenticated: bytes) -> bytes:
    """XAEAD: XChaCha20-Poly1305 with a nonce of 24 bytes."""
    cipher = ChaCha20Poly1305(hchacha20(key, nonce[:16]))
    return cipher.encrypt(bytes(4) + nonce[16:], plain, authenticated)


def xunseal(key: bytes, nonce: bytes, sealed: bytes, authenticated: bytes) -> bytes | None:
    """The inverse of `xseal`; None when it does not authenticate."""
    cipher = ChaCha20Poly1305(hchacha20(key, nonce[:16]))
    try:
        return cipher.decrypt(bytes(4) + nonce[16:], sealed, authenticated)
    except InvalidTag:
        return None
