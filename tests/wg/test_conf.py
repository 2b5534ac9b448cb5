"""wg-quick files read into values, as wg(8) reads them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from meshc.errors import ConfError
from meshc.keys import PrivateKey, PublicKey
from meshc.prefixes import InterfaceAddress, Prefix
from meshc.wg.conf import parse
from meshc.wg.endpoint import Endpoint
from tests.support.wire import main_example

KEY = "YAnz5TF+lXXJte14tji3zlMNftft3a8AxA8k0nJlUHI="[:42] + "E="
TEXT = main_example().nodes["public-server1"].text()


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


def test_a_file_for_amneziawg_is_named_as_one() -> None:
    with pytest.raises(ConfError, match=r"'?Jc'? is a key of AmneziaWG"):
        parse("[Interface]\nJc = 4\n")
    with pytest.raises(ConfError, match="unknown key"):
        parse("[Peer]\nJc = 4\n")


def test_comments_that_hooks_read_are_kept_as_they_stand() -> None:
    """Wherever they stand; only what a `sed` would find that looks at the beginning of a line."""
    conf = parse(
        "#nft one # two \n[Interface]\n#iptables -A X\r\n #nft indented\n# nft no\n#nftables no\n"
        f"[Peer]\nPublicKey = {KEY}\n#ip6tables COMMIT\n"
    )
    assert conf.rules == ("#nft one # two ", "#iptables -A X\r", "#ip6tables COMMIT")
