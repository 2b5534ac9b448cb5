"""Keys: formats, derivation against an independent implementation, and no accidental leaks."""

from __future__ import annotations

import copy
import logging
import pickle
import re
import traceback
from itertools import product

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from hypothesis import given
from hypothesis import strategies as st

from meshc.errors import KeyFormatError
from meshc.keys import (
    LinkKeys,
    NetworkSecret,
    PresharedKey,
    PrivateKey,
    PublicKey,
    clamp,
    decode,
    decode_all,
    encode,
    fingerprint,
)

SECRET_TYPES = (PrivateKey, PresharedKey, NetworkSecret)
RAW = st.binary(min_size=32, max_size=32)


@given(RAW)
def test_base64_is_read_back(raw: bytes) -> None:
    assert decode(encode(raw)) == raw
    assert PublicKey.parse(f" {encode(raw)}\n").raw == raw


@pytest.mark.parametrize(
    "text",
    [
        "",
        "=" * 44,
        "A" * 43,
        "A" * 44,
        "A" * 42 + "B=",  # not canonical: the last bits are not zero
        "A" * 42 + "é=",
        "A" * 41 + "\n=A",
        "A" * 20 + "=" + "A" * 22 + "=",
        "A" * 87 + "=",
        "-" * 43 + "=",
    ],
)
def test_what_is_no_key_is_refused_without_being_repeated(text: str) -> None:
    for kind in (PublicKey, *SECRET_TYPES):
        with pytest.raises(KeyFormatError) as caught:
            kind.parse(text)
        assert not text or text not in str(caught.value)
    with pytest.raises(KeyFormatError):
        decode_all([encode(bytes(32)), text or "-", encode(bytes(32))])


@given(st.lists(st.none() | RAW, max_size=5))
def test_many_keys_are_read_as_one_by_one(keys: list[bytes | None]) -> None:
    texts = ["" if raw is None else encode(raw) for raw in keys]
    assert decode_all(texts) == b"".join(raw or bytes(32) for raw in keys)


@given(st.text("A/+=Bw8-é", min_size=43, max_size=45))
def test_many_keys_refuse_what_one_refuses(text: str) -> None:
    try:
        one: bytes | None = decode(text)
    except KeyFormatError:
        one = None
    try:
        many: bytes | None = decode_all([text])
    except KeyFormatError:
        many = None
    assert many == one


@given(RAW)
def test_clamping_is_what_x25519_asks(raw: bytes) -> None:
    scalar = int.from_bytes(clamp(raw), "little")
    assert scalar % 8 == 0
    assert scalar >> 254 == 1


@given(RAW, RAW, RAW, st.integers(1, 10**6))
def test_link_keys_are_hkdf(secret: bytes, a: bytes, b: bytes, epoch: int) -> None:
    low, high = sorted((encode(a), encode(b)))
    label = b"meshc preshared key v1\0"
    info = label + low.encode() + b"\0" + high.encode() + b"\0" + str(epoch).encode()
    wanted = HKDFExpand(hashes.SHA256(), 32, info).derive(secret)
    network, one, other = NetworkSecret(secret), PublicKey(encode(a)), PublicKey(encode(b))
    assert network.preshared_key(one, other, epoch).raw == wanted
    assert network.preshared_key(other, one, epoch).raw == wanted
    links = LinkKeys(network, epoch)
    for _, (x, y) in product(range(2), [(one, other), (other, one)]):
        assert links.of(x.encode())(y.encode()) == encode(wanted).encode()


@pytest.mark.parametrize("kind", SECRET_TYPES)
def test_secrets_do_not_leak(kind: type[PrivateKey], caplog: pytest.LogCaptureFixture) -> None:
    key = kind(bytes(range(32)))
    text = key.reveal()
    with caplog.at_level(logging.WARNING):
        logging.getLogger("meshc.test").warning("%s %r", key, {"key": key})
    try:
        raise ValueError(key, [key])
    except ValueError:
        trace = traceback.format_exc()
    shown = [repr(key), str(key), f"{key}", f"{key:>60}", "%s" % key, trace, caplog.text]  # noqa: UP031
    for output in shown:
        assert text not in output
        assert key.raw.hex() not in output
        assert "\\x01\\x02" not in output
        assert "redacted" in output
    for clone in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            clone(key)


def test_kinds_of_keys_are_never_equal() -> None:
    raw = bytes(range(32))
    assert PrivateKey(raw) == PrivateKey(raw)
    assert PrivateKey(raw) != PresharedKey(raw)
    assert len({PrivateKey(raw), PresharedKey(raw), PrivateKey(raw)}) == 2


def test_fingerprints_are_short_and_stable() -> None:
    key = PublicKey(encode(bytes(32)))
    assert fingerprint(key) == "51643eac9777", (
        "the same in every version: imported nodes are named by it"
    )


def test_a_fingerprint_tells_secrets_apart_and_nothing_of_any_key() -> None:
    one, other = NetworkSecret(bytes(32)), NetworkSecret(bytes([1]) * 32)
    assert one.fingerprint() != other.fingerprint()
    assert one.fingerprint() == NetworkSecret(bytes(32)).fingerprint()
    assert re.fullmatch("[0-9a-f]{32}", one.fingerprint())
