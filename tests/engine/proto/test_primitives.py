"""Known answers for every function of whitepaper 5.4, from the documents that define them."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from meshc.engine.proto.primitives import (
    DH,
    HASH,
    HMAC,
    KDF1,
    KDF2,
    KDF3,
    MAC,
    hchacha20,
    seal,
    unseal,
    xseal,
    xunseal,
)

SUNSCREEN = (
    b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the "
    b"future, sunscreen would be it."
)
AAD = bytes.fromhex("50515253c0c1c2c3c4c5c6c7")
KEY = bytes(range(0x80, 0xA0))


def test_hash_is_blake2s_of_rfc_7693_appendix_b():
    expected = "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982"
    assert expected == HASH(b"abc").hex()
    assert expected == HASH(b"a", b"b", b"", b"c").hex()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "48a8997da407876b3d79c0d92325ad3b89cbb754d86ab71aee047ad345fd2c49"),
        (b"\x00", "40d15fee7c328830166ac3f918650f807e7e01e177258cdc0a39b11f598066f1"),
    ],
)
def test_the_hash_library_has_the_keyed_blake2s_of_the_reference_vectors(data, expected):
    # blake2-kat: key 00..1f, 32 bytes of output; MAC is the same with 16
    assert expected == hashlib.blake2s(data, key=bytes(range(32))).hexdigest()


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200))
def test_mac_is_keyed_blake2s_as_rfc_7693_writes_it(key, data):
    assert _blake2s(data, key, 16) == MAC(key, data)
    assert _blake2s(data, b"", 32) == HASH(data)


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200))
def test_hmac_is_rfc_2104_over_blake2s(key, data):
    block = key.ljust(64, b"\0")
    inner = HASH(bytes(x ^ 0x36 for x in block), data)
    assert HASH(bytes(x ^ 0x5C for x in block), inner) == HMAC(key, data)


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=64))
def test_kdf_is_rfc_5869_over_blake2s(key, data):
    derived = HKDF(algorithm=hashes.BLAKE2s(32), length=96, salt=key, info=b"").derive(data)
    parts = (derived[:32], derived[32:64], derived[64:])
    assert parts[0] == KDF1(key, data)
    assert parts[:2] == KDF2(key, data)
    assert parts == KDF3(key, data)


def test_dh_is_x25519_of_rfc_7748_section_5_2():
    scalar = bytes.fromhex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4")
    point = bytes.fromhex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")
    expected = "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"
    result = DH(X25519PrivateKey.from_private_bytes(scalar), point)
    assert result is not None
    assert expected == result.hex()


@pytest.mark.parametrize(
    "point",
    [
        bytes(32),
        b"\x01" + bytes(31),
        bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
        bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    ],
)
def test_dh_refuses_points_of_low_order(point):
    assert DH(X25519PrivateKey.from_private_bytes(bytes(range(32))), point) is None


def test_hchacha20_of_draft_xchacha_section_2_2_1():
    nonce = bytes.fromhex("000000090000004a0000000031415927")
    expected = "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc"
    assert expected == hchacha20(bytes(range(32)), nonce).hex()


def test_xaead_of_draft_xchacha_appendix_a_3_1():
    nonce = bytes(range(0x40, 0x58))
    expected = (
        "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb"
        "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452"
        "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9"
        "21f9664c97637da9768812f615c68b13b52e"
        "c0875924c1c7987947deafd8780acf49"
    )
    sealed = xseal(KEY, nonce, SUNSCREEN, AAD)
    assert expected == sealed.hex()
    assert xunseal(KEY, nonce, sealed, AAD) == SUNSCREEN
    assert xunseal(KEY, nonce, sealed, AAD + b"x") is None


def test_aead_agrees_with_one_written_out_from_rfc_8439():
    sealed = seal(KEY, SUNSCREEN, AAD)
    assert _chacha20_poly1305(KEY, bytes(12), SUNSCREEN, AAD) == sealed
    assert unseal(KEY, sealed, AAD) == SUNSCREEN
    assert unseal(KEY, sealed[:-1] + bytes([sealed[-1] ^ 1]), AAD) is None


def test_the_written_out_aead_passes_rfc_8439_section_2_8_2():
    nonce = bytes.fromhex("070000004041424344454647")
    assert (
        _chacha20_poly1305(KEY, nonce, SUNSCREEN, AAD)[-16:].hex()
        == "1ae10b594f09e26a7e902ecbd0600691"
    )


# --- slow and obvious -------------------------------------------------------------------

_SIGMA_ROWS = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
    [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
    [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
    [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
    [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
]
_IV = [
    0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
    0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19,
]  # fmt: skip
_MASK = 0xFFFFFFFF


def _blake2s(data: bytes, key: bytes, size: int) -> bytes:
    """RFC 7693 section 3, word by word."""
    state = [*_IV]
    state[0] ^= 0x01010000 ^ len(key) << 8 ^ size
    if key:
        data = key.ljust(64, b"\0") + data
    blocks = [data[i : i + 64] for i in range(0, len(data), 64)] or [b""]
    counter = 0
    for number, block in enumerate(blocks):
        counter += len(block)
        words = [
            int.from_bytes(block.ljust(64, b"\0")[i : i + 4], "little") for i in range(0, 64, 4)
        ]
        v = [*state, *_IV]
        v[12] ^= counter & _MASK
        v[13] ^= counter >> 32
        if number == len(blocks) - 1:
            v[14] ^= _MASK
        for row in _SIGMA_ROWS:
            for i, (a, b, c, d) in enumerate(
                [(0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
                 (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)]
            ):  # fmt: skip
                _mix(v, a, b, c, d, words[row[2 * i]], words[row[2 * i + 1]])
        state = [state[i] ^ v[i] ^ v[i + 8] for i in range(8)]
    return b"".join(word.to_bytes(4, "little") for word in state)[:size]


def _mix(v: list[int], a: int, b: int, c: int, d: int, x: int, y: int) -> None:
    for word, first, second in ((x, 16, 12), (y, 8, 7)):
        v[a] = (v[a] + v[b] + word) & _MASK
        v[d] = _ror(v[d] ^ v[a], first)
        v[c] = (v[c] + v[d]) & _MASK
        v[b] = _ror(v[b] ^ v[c], second)


def _ror(word: int, count: int) -> int:
    return (word >> count | word << (32 - count)) & _MASK


def _chacha20_poly1305(key: bytes, nonce: bytes, plain: bytes, aad: bytes) -> bytes:
    """RFC 8439 sections 2.3 to 2.8."""
    blocks = range(1, len(plain) // 64 + 2)
    stream = b"".join(_chacha20_block(key, counter, nonce) for counter in blocks)
    cipher = bytes(a ^ b for a, b in zip(plain, stream, strict=False))
    one_time = _chacha20_block(key, 0, nonce)[:32]
    data = aad + bytes(-len(aad) % 16) + cipher + bytes(-len(cipher) % 16)
    data += len(aad).to_bytes(8, "little") + len(cipher).to_bytes(8, "little")
    r = int.from_bytes(one_time[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total = 0
    for i in range(0, len(data), 16):
        total = (total + int.from_bytes(data[i : i + 16] + b"\1", "little")) * r % ((1 << 130) - 5)
    tag = (total + int.from_bytes(one_time[16:], "little")) & ((1 << 128) - 1)
    return cipher + tag.to_bytes(16, "little")


def _chacha20_block(key: bytes, counter: int, nonce: bytes) -> bytes:
    data = b"expand 32-byte k" + key + counter.to_bytes(4, "little") + nonce
    start = [int.from_bytes(data[i : i + 4], "little") for i in range(0, 64, 4)]
    v = [*start]
    quarters = [(0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
                (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)]  # fmt: skip
    for _ in range(10):
        for a, b, c, d in quarters:
            for first, second in ((16, 12), (8, 7)):
                v[a] = (v[a] + v[b]) & _MASK
                v[d] = _ror(v[d] ^ v[a], 32 - first)
                v[c] = (v[c] + v[d]) & _MASK
                v[b] = _ror(v[b] ^ v[c], 32 - second)
    return b"".join(((x + y) & _MASK).to_bytes(4, "little") for x, y in zip(v, start, strict=True))
