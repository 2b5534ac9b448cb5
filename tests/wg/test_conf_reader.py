"""The fast reader of wg-quick files agrees with the slow one, and keeps no key."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from meshc.errors import ConfError
from meshc.wg.conf import Conf, ConfParser
from meshc.wg.conf_reader import ConfReader
from tests.support.wire import main_example

KEY = "YAnz5TF+lXXJte14tji3zlMNftft3a8AxA8k0nJlUHI="[:42] + "E="
TEXT = main_example().nodes["public-server1"].text()


def slow(text: str) -> Conf | str:
    try:
        return ConfParser("").parse(text)
    except ConfError as error:
        return str(error)


def fast(text: str, reader: ConfReader) -> Conf | str:
    try:
        return reader.read(text)
    except ConfError as error:
        return str(error)


def test_equal_parts_are_one_object() -> None:
    reader = ConfReader()
    one, other = reader.read(TEXT), reader.read("# moved down\n" + TEXT)
    for a, b in zip(one.peers, other.peers, strict=True):
        assert a.allowed_ips is b.allowed_ips
        assert a.public_key is b.public_key
        assert b.line == a.line + 1


def test_the_reader_keeps_no_preshared_key() -> None:
    reader = ConfReader()
    conf = reader.read(TEXT)
    psk = conf.peers[0].preshared_key
    assert psk is not None
    assert psk.reveal() not in repr([vars(reader)])


@given(st.integers(0, 2**32), st.integers(1, 4))
def test_fast_and_slow_agree_on_spoiled_files(seed: int, edits: int) -> None:
    rng = random.Random(seed)
    reader = ConfReader()
    reader.read(TEXT)
    text = _spoil(TEXT, rng, edits)
    assert fast(text, reader) == slow(text)
    assert fast(text, reader) == slow(text)


PIECES = (
    "\n", "[Peer]\n", "\n[Peer]\n", "[peer]", "[Interface]\n", "#", "# Name = x\n", " ", "=",
    "PresharedKey = ", f"\nPresharedKey = {KEY}", f"\nPresharedKey = {KEY}\n", f"PublicKey = {KEY}",
    "\nAllowedIPs = 10.0.0.1/8\n", "AllowedIPs =\n", ",", "Endpoint = a:1", "\r", "\x0c", "é",
)  # fmt: skip


def _spoil(text: str, rng: random.Random, edits: int) -> str:
    """Cuts a piece out, doubles one, or puts something in, at line ends as often as not."""
    for _ in range(edits):
        at = rng.randrange(len(text))
        if rng.random() < 0.5:
            at = text.find("\n", at) + rng.choice((0, 1))
        to = min(len(text), at + rng.choice((0, 0, 1, 5, 45, 60, 300)))
        text = text[:at] + rng.choice((*PIECES, "", text[at:to] * 2)) + text[to:]
    return text


def test_comments_that_hooks_read_are_found_in_every_section() -> None:
    text = main_example().nodes["public-server1"].text()
    text = text.replace("[Interface]", "[Interface]\n#nft one").replace(
        "[Peer]", "[Peer]\n#nft two", 1
    )
    reader = ConfReader()
    for _ in range(2):
        assert reader.read(text).rules == ("#nft one", "#nft two")
