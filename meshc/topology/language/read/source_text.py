"""The text of a topology file: bytes of a bounded size, UTF-8, of characters that can be read."""

from __future__ import annotations

import re

from meshc.diagnostics import Diagnostics, Location

MAX_BYTES = 64 << 20

# YAML 1.2 section 5.1, without the byte order mark; the whole of Unicode takes 5 ms to compile
_UNREADABLE_ASCII = re.compile("[^\t\n\r\x20-\x7e]")
_UNREADABLE = "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"


def decode_source(data: bytes, file: str, diagnostics: Diagnostics) -> str | None:
    """Bytes of a file -> text; None when it is not UTF-8 or too large."""
    if len(data) > MAX_BYTES:
        _too_large(file, diagnostics)
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        utf16 = data[:2] in (b"\xff\xfe", b"\xfe\xff")
        diagnostics.add(
            "E101",
            "the file is UTF-16" if utf16 else f"byte 0x{data[error.start]:02x} is not UTF-8 text",
            Location(file, line, column),
            hint="save the file as UTF-8.",
        )
        return None


def readable(text: str, file: str, diagnostics: Diagnostics) -> bool:
    """Whether a YAML file may hold this text; if not, the reason is in `diagnostics`."""
    if len(text) > MAX_BYTES:
        _too_large(file, diagnostics)
        return False
    found = _UNREADABLE_ASCII.search(text)
    if found is not None and not text.isascii():
        found = re.search(_UNREADABLE, text)
    if found is None:
        return True
    start = found.start()
    line = text.count("\n", 0, start) + 1
    diagnostics.add(
        "E101",
        f"character U+{ord(found.group()):04X} cannot stand in a text file",
        Location(file, line, start - text.rfind("\n", 0, start)),
        hint="remove it; it is invisible in most editors.",
    )
    return False


def _too_large(file: str, diagnostics: Diagnostics) -> None:
    diagnostics.add(
        "E102",
        f"the file is larger than {MAX_BYTES >> 20} MiB",
        Location(file, 1, 1),
        hint="a file of 100,000 nodes is far smaller; is this the right file?",
    )
