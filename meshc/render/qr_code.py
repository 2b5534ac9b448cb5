"""QR codes that a phone can read: the configuration of one node, byte for byte.

Capacity is that of version 40 with level L in byte mode, 2,953 bytes (ISO/IEC 18004 table 7).
Cameras give up earlier: a code of more than 97 modules a side (version 20, 858 bytes at level L)
is hard to scan from a screen, which is where the advice starts.
"""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

from meshc.render.dot_text import dot_rows
from meshc.values import dataclass
from meshc.wg.conf import Conf

if TYPE_CHECKING:
    import segno

MOST_BYTES = 2953
COMFORTABLE_BYTES = 858
_WIDEST_LAN = 7  # what is wider is a part of a default route


@dataclass(frozen=True, slots=True)
class Budget:
    """How a configuration fits: bytes it needs, and sentences that say what to drop."""

    size: int
    advice: tuple[str, ...]

    @property
    def fits(self) -> bool:
        return self.size <= MOST_BYTES

    @property
    def comfortable(self) -> bool:
        return self.size <= COMFORTABLE_BYTES


def budget(text: str, conf: Conf, node: str) -> Budget:
    """Weighs a configuration. The advice names the largest savings first."""
    size = len(text.encode())
    if size <= COMFORTABLE_BYTES:
        return Budget(size, ())
    if conf.listen_port and any(peer.endpoint is None for peer in conf.peers):
        # whom others call is a relay or a server: it keeps its peers
        return Budget(size, (f"{node} is called by its peers: copy its file there instead",))
    savings: list[tuple[int, str]] = []
    if len(conf.peers) > 1:
        each = size // (len(conf.peers) + 1)
        savings.append(
            (
                each * (len(conf.peers) - 1),
                f"{len(conf.peers)} peers: `direct: relays` on {node} keeps the tunnels to relays "
                "alone and lets them carry the rest",
            )
        )
    widest = max(conf.peers, key=lambda peer: len(peer.allowed_ips), default=None)
    if widest and len(widest.allowed_ips) > 4:
        length = sum(len(str(prefix)) + 2 for prefix in widest.allowed_ips)
        what = "LANs that share a larger prefix can be given as one route, and `exit` replaces "
        what += "them all by two"
        if any(prefix.length < _WIDEST_LAN for prefix in widest.allowed_ips):
            what = "the less `exit_except` leaves out, and the larger its prefixes, the fewer"
        savings.append(
            (
                length,
                f"{len(widest.allowed_ips)} prefixes at peer {widest.name or 'without a name'}: "
                f"{what}",
            )
        )
    psks = sum(1 for peer in conf.peers if peer.preshared_key)
    if psks:
        saved = psks * 62
        savings.append((saved, f"`preshared_keys: false` saves {saved} bytes"))
    comments = sum(len(line) + 1 for line in text.splitlines() if line.startswith("#"))
    if comments > 40:
        savings.append((comments, f"comments: `--strip-comments` saves {comments} bytes"))
    return Budget(size, tuple(sentence for _, sentence in sorted(savings, reverse=True)))


def strip_comments(text: str) -> str:
    """Without comment and blank lines: what a phone does not keep anyway."""
    kept = (line for line in text.splitlines() if line and not line.startswith("#"))
    return "\n".join(kept) + "\n"


def code(text: str) -> segno.QRCode:
    """The code with the strongest error correction that does not make it larger.

    Raises: ValueError above MOST_BYTES; ask `budget` first.
    """
    import segno

    try:
        return segno.make_qr(text.encode(), error="L", boost_error=True, mode="byte")
    except segno.DataOverflowError:
        raise ValueError(f"{len(text.encode())} bytes do not fit a QR code") from None


def png(text: str, caption: str = "", *, scale: int = 6) -> bytes:
    """A PNG, `scale` pixels a module, with the quiet zone of four modules and the caption below."""
    rows = [bytes(row) for row in code(text).matrix_iter(scale=scale, border=4)]
    side, zoom = len(rows), max(1, scale // 2)
    if caption:
        for dots in dot_rows(caption, most=side // zoom):
            wide = b"".join(bytes([ink]) * zoom for ink in dots)
            rows += [wide.ljust(side, b"\0")] * zoom
        rows += [bytes(side)] * (2 * scale)
    return _grey_png(side, rows)


def _grey_png(width: int, rows: list[bytes]) -> bytes:
    """W3C PNG: one byte a pixel, 1 for ink; each row begins with its filter, which is none."""
    ink = bytes([255, 0])
    import zlib

    header = struct.pack(">IIBBBBB", width, len(rows), 8, 0, 0, 0, 0)
    pixels = b"".join(b"\0" + row.translate(ink + bytes(254)) for row in rows)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(pixels, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


def svg(text: str, caption: str = "", *, scale: int = 6) -> bytes:
    """An SVG with a white background, so that a dark page does not invert it, and the caption
    below the code."""

    from html import escape  # with a table of all entities

    out = io.BytesIO()
    made = code(text)
    made.save(out, kind="svg", scale=scale, border=4, light="white", xmldecl=False)
    picture = out.getvalue().decode()
    if not caption:
        return picture.encode()
    side = made.symbol_size(scale=scale, border=4)[0]
    high = side + 4 * scale
    style = f'font-family="sans-serif" font-size="{2.5 * scale:g}" text-anchor="middle"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{side}" height="{high}">'
        f'<title>{escape(caption)}</title><rect width="{side}" height="{high}" fill="white"/>'
        f'{picture.strip()}<text x="{side / 2:g}" y="{side + scale:g}" {style}>'
        f"{escape(caption)}</text></svg>\n"
    ).encode()


def terminal(text: str) -> str:
    """Half-block characters, light modules drawn, for terminals of either colour.

    Two rows of modules a line; the quiet zone is two modules, enough on a screen.
    """
    matrix = [list(row) for row in code(text).matrix_iter(scale=1, border=2)]
    if len(matrix) % 2:
        matrix.append([0] * len(matrix[0]))
    blocks = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}
    lines = [
        "".join(
            blocks[int(bool(top)), int(bool(bottom))] for top, bottom in zip(*pair, strict=True)
        )
        for pair in zip(matrix[::2], matrix[1::2], strict=True)
    ]
    return "\n".join(lines) + "\n"
