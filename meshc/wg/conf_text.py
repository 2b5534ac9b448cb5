"""The text of a wg-quick file: bytes in the encodings that people's editors write.

wg-quick(8) reads bytes, and looks at ASCII only: whatever a comment holds is nothing to it. So a
file that is not UTF-8 is read as Latin-1, where every byte is a character. What wg-quick cannot
read (a byte order mark, UTF-16) is refused by name, or read all the same where the file is only
looked at.
"""

from __future__ import annotations

import codecs

from meshc.errors import ConfError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", "begins with a byte order mark (UTF-8 with BOM)"),
    (codecs.BOM_UTF16_LE, "utf-16", "is UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "is UTF-16"),
)


def decode_conf(data: bytes, *, file: str, foreign: bool = False) -> str:
    """The text of a file. With `foreign` it need not be one that wg-quick can read.

    Raises: ConfError, which names the encoding.
    """
    for mark, encoding, what in _MARKS:
        if not data.startswith(mark):
            continue
        if not foreign:
            raise ConfError(
                f"the file {what}, which wg-quick does not read",
                file=file,
                line=1,
                hint="save it as UTF-8 without a byte order mark",
            )
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            raise ConfError(f"the file {what}, but is damaged", file=file, line=1) from None
    try:
        return data.decode()
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    if not foreign:
        _only_comments(text, file)
    return text


def _only_comments(text: str, file: str) -> None:
    """A command that goes to the shell in other bytes is another command."""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.partition("#")[0].isascii():
            raise ConfError(
                "the file is not UTF-8 text, and this line is more than a comment",
                file=file,
                line=number,
                hint="save it as UTF-8",
            )
