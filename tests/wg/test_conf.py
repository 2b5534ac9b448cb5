"""The fast reader of wg-quick files agrees with the slow one, and both with wg(8)."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.errors import ConfError
from meshc.keys import PrivateKey, PublicKey
from meshc.prefixes import InterfaceAddress, Prefix
from meshc.wg.conf import Conf, ConfParser, parse
from meshc.wg.conf_reader import ConfReader
from meshc.wg.endpoint import Endpoint
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


def test_values_of_a_file() -> None:
    conf = parse(
        "# a file\n"
        "[Interface]\n"
        "# Name = relay\n"
        f"privatekey = {KEY}\n"
        "Address = 10.0.0.1/24,fd00::1/64\n"
        "Address = 10.0.1.1\n"
        "DNS = 10.0.0.53, example.org\n"
        "FwMark = 0x10\n"
        "Table = off\n"
        "MTU = 1400 # less\n"
        "PostUp = one; two\n"
        "PostUp = three # not four\n"
        "[Peer] # a comment\n"
        "# Name = phone\n"
        f"PublicKey={KEY}\n"
        "AllowedIPs = 10.0.0.7/24, fd00::/64\n"
        "AllowedIPs = 10.9.0.0/16\n"
        "Endpoint = [2001:db8::1]:51820\n"
        "PersistentKeepalive = off\n"
    )
    assert conf.name == "relay"
    assert conf.private_key == PrivateKey.parse(KEY)
    assert conf.addresses == tuple(
        map(InterfaceAddress.parse, ("10.0.0.1/24", "fd00::1/64", "10.0.1.1/32"))
    )
    assert (conf.dns, conf.search) == (("10.0.0.53",), ("example.org",))
    assert (conf.fwmark, conf.table, conf.mtu) == (16, "off", 1400)
    assert conf.post_up == ("one; two", "three")
    (peer,) = conf.peers
    assert peer.public_key == PublicKey.parse(KEY)
    assert peer.allowed_ips == tuple(map(Prefix.parse, ("10.0.0.0/24", "fd00::/64", "10.9.0.0/16")))
    assert peer.host_bits == ("10.0.0.7/24",)
    assert peer.endpoint == Endpoint("2001:db8::1", 51820)
    assert (peer.keepalive, peer.name, peer.line) == (0, "phone", 13)


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


REFUSED = {
    "empty value": f"[Interface]\nPrivateKey = {KEY}\n[Peer]\nPublicKey = {KEY}\nAllowedIPs =\n",
    "empty entry": f"[Peer]\nPublicKey = {KEY}\nAllowedIPs = 10.0.0.0/8, ,\n",
    "no key": "[Peer]\nAllowedIPs = 10.0.0.0/8\n",
    "short key": "[Peer]\nPublicKey = abc=\n",
    "key not canonical": f"[Peer]\nPublicKey = {KEY[:42]}F=\n",
    "length": f"[Peer]\nPublicKey = {KEY}\nAllowedIPs = 10.0.0.0/33\n",
    "keepalive": f"[Peer]\nPublicKey = {KEY}\nPersistentKeepalive = 70000\n",
    "fwmark": f"[Interface]\nPrivateKey = {KEY}\nFwMark = 0X10\n",
    "section": f"[Peer] junk\nPublicKey = {KEY}\n",
    "unknown key": f"[Peer]\nPublicKey = {KEY}\nPort = 5\n",
    "no section": f"PublicKey = {KEY}\n",
    "no equals": "[Interface]\nnonsense\n",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_wg_refuses_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfError):
        parse(text)
    if shutil.which("wg") and "canonical" not in text:
        path = tmp_path / "x.conf"
        path.write_text(text)
        # wg reads the whole file before it looks for the interface, which does not exist
        run = subprocess.run(
            ["wg", "setconf", "meshc-none", str(path)], capture_output=True, text=True, check=False
        )
        assert "onfiguration" in run.stderr or "Key is not" in run.stderr, run.stderr


def test_an_error_names_its_line_and_no_key() -> None:
    text = TEXT.replace("AllowedIPs = 10.44.0.4/32", "AllowedIPs = 10.44.0.4/99")
    with pytest.raises(ConfError) as caught:
        parse(text, file="relay/wg0.conf")
    line = text.split("\n").index("AllowedIPs = 10.44.0.4/99") + 1
    assert str(caught.value).startswith(f"relay/wg0.conf:{line}: AllowedIPs")
    bad = f"[Peer]\nPublicKey = {KEY}\nPresharedKey = {'A' * 43}!\n"
    with pytest.raises(ConfError) as caught:
        parse(bad)
    assert "AAAA" not in str(caught.value)
