"""QR codes decode, with an independent reader, to the byte-exact configuration."""

from __future__ import annotations

import shutil
import struct
import subprocess
import zlib
from pathlib import Path
from xml.etree import ElementTree

import pytest

from meshc.keys import PresharedKey, PrivateKey
from meshc.prefixes import Prefix, without
from meshc.render import qr_code
from meshc.render.dot_text import dot_rows
from meshc.wg.conf import parse

needs_zbar = pytest.mark.skipif(not shutil.which("zbarimg"), reason="zbarimg is not installed")


def conf_text(peers: int, prefixes: int = 1) -> str:
    """A phone's file of the given size."""
    lines = ["[Interface]", "# Name = phöne", f"PrivateKey = {PrivateKey.generate().reveal()}"]
    for number in range(peers):
        networks = ", ".join(f"10.{number}.{i}.0/24" for i in range(prefixes))
        lines += [
            "",
            "[Peer]",
            f"# Name = relay{number}",
            f"PublicKey = {PrivateKey.generate().public_key()}",
            f"PresharedKey = {PresharedKey(bytes(32)).reveal()}",
            f"AllowedIPs = {networks}",
            "Endpoint = relay.example-vpn.dev:51820",
        ]
    return "\n".join(lines) + "\n"


def decode(image: Path) -> bytes:
    """What zbar reads; `-Sbinary` keeps it from guessing a character set."""
    result = subprocess.run(
        ["zbarimg", "--quiet", "--raw", "--oneshot", "-Sbinary", str(image)],
        capture_output=True,
        check=True,
        timeout=60,
    )
    return result.stdout


@needs_zbar
@pytest.mark.parametrize("peers", [1, 4, 12])
def test_png_decodes_to_the_exact_bytes(tmp_path: Path, peers: int) -> None:
    text = conf_text(peers)
    image = tmp_path / "code.png"
    image.write_bytes(qr_code.png(text))
    assert decode(image) == text.encode()


@needs_zbar
def test_a_png_with_a_caption_decodes_as_well(tmp_path: Path) -> None:
    image = tmp_path / "code.png"
    text = conf_text(1)
    image.write_bytes(qr_code.png(text, "home: phone"))
    assert decode(image) == text.encode()


def pixels(picture: bytes) -> list[bytes]:
    """The rows of a PNG of ours: 8 bits a pixel, no filter (W3C PNG section 5)."""
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    at, body, width = 8, b"", 0
    while at < len(picture):
        size, name = struct.unpack(">I4s", picture[at : at + 8])
        part = picture[at + 8 : at + 8 + size]
        assert zlib.crc32(name + part) == struct.unpack(">I", picture[at + 8 + size :][:4])[0]
        if name == b"IHDR":
            width = struct.unpack(">I", part[:4])[0]
        body += part if name == b"IDAT" else b""
        at += size + 12
    raw = zlib.decompress(body)
    return [raw[i + 1 : i + 1 + width] for i in range(0, len(raw), width + 1)]


def test_the_caption_stands_in_the_picture_below_the_code() -> None:
    text = conf_text(1)
    plain, named = pixels(qr_code.png(text)), pixels(qr_code.png(text, "home: phone"))
    assert named[: len(plain)] == plain
    below = named[len(plain) :]
    wanted = list(dot_rows("home: phone", most=len(plain) // 3))
    shown = [[row[x] == 0 for x in range(0, len(wanted[0]) * 3, 3)] for row in below[::3]]
    assert shown[: len(wanted)] == wanted


def test_an_svg_says_whose_it_is_in_text_that_nothing_escapes_from() -> None:
    root = ElementTree.fromstring(qr_code.svg(conf_text(1), "net: <phone>"))
    assert root.find("{*}text").text == "net: <phone>"  # type: ignore[union-attr]
    assert root.find("{*}svg") is not None


@needs_zbar
def test_terminal_text_decodes_to_the_exact_bytes(tmp_path: Path) -> None:
    text = conf_text(1)
    halves = {"█": (0, 0), "▀": (0, 1), "▄": (1, 0), " ": (1, 1)}
    rows: list[list[int]] = []
    for line in qr_code.terminal(text).splitlines():
        rows.append([halves[char][0] for char in line])
        rows.append([halves[char][1] for char in line])
    scale = 4
    big = [[bit for bit in row for _ in range(scale)] for row in rows for _ in range(scale)]
    image = tmp_path / "code.pbm"
    body = "\n".join(" ".join(map(str, row)) for row in big)
    image.write_text(f"P1\n{len(big[0])} {len(big)}\n{body}\n")
    assert decode(image) == text.encode()


def test_svg_is_one_document_with_a_light_background() -> None:
    text = qr_code.svg(conf_text(1)).decode()
    assert text.startswith("<svg")
    assert 'fill="#fff"' in text or 'fill="white"' in text


def test_a_small_file_needs_no_advice() -> None:
    text = conf_text(1)
    found = qr_code.budget(text, parse(text), "phone")
    assert found.comfortable
    assert found.advice == ()


def test_many_peers_are_told_to_use_one_tunnel_first() -> None:
    text = conf_text(8)
    found = qr_code.budget(text, parse(text), "phone")
    assert found.fits
    assert not found.comfortable
    assert found.advice[0] == (
        "8 peers: `direct: relays` on phone keeps the tunnels to relays alone and lets them carry "
        "the rest"
    )


def test_many_prefixes_are_told_to_aggregate_first() -> None:
    text = conf_text(1, prefixes=60)
    found = qr_code.budget(text, parse(text), "phone")
    assert found.advice[0].startswith("60 prefixes at peer relay0:")


def test_the_parts_of_a_default_route_are_told_what_makes_them() -> None:
    rest = without((Prefix.parse("0.0.0.0/0"),), (Prefix.parse("10.9.8.7"),))
    text = conf_text(1).replace("AllowedIPs = ", f"AllowedIPs = {', '.join(map(str, rest))}, ")
    found = qr_code.budget(text + "#" * 600, parse(text), "phone")
    assert any("the less `exit_except` leaves out" in advice for advice in found.advice)


def test_what_does_not_fit_is_refused() -> None:
    text = conf_text(20)
    assert not qr_code.budget(text, parse(text), "phone").fits
    with pytest.raises(ValueError, match="bytes do not fit a QR code"):
        qr_code.png(text)


def test_stripping_comments_changes_no_meaning() -> None:
    text = conf_text(2)
    one, two = parse(text), parse(qr_code.strip_comments(text))
    assert "#" not in qr_code.strip_comments(text)
    assert two.private_key == one.private_key
    assert [p._replace(name="", line=0) for p in two.peers] == [
        p._replace(name="", line=0) for p in one.peers
    ]
