"""A secret: text or bytes that no log, error, diff or pickle shows.

What carries a key, a password or a file with keys in it holds it as one of these types. The value
comes out through `reveal()` only, at the one file or pipe that must carry it; two of our own
processes that pass a secret on do the same and wrap it again.
"""

from __future__ import annotations

import hmac
import re
from typing import NoReturn

# 32 bytes in base64 or hexadecimal, as anybody might have put them in a wrong place
_KEY_LIKE = re.compile(r"(?<![\w+/])(?:[\w+/]{43}=?|[0-9A-Fa-f]{64})(?![\w+/])", re.ASCII)


class Secret:
    """What all secret types share: equality takes constant time, text forms are redacted."""

    __slots__ = ()

    def _bytes(self) -> bytes:
        """What is compared."""
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return hmac.compare_digest(self._bytes(), other._bytes())

    def __hash__(self) -> int:
        return hash((type(self), self._bytes()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(redacted)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} is not pickled")


class SecretText(Secret):
    """Text that holds a secret: a wg-quick file, a password."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def _bytes(self) -> bytes:
        return self._text.encode("utf-8", "surrogatepass")

    def reveal(self) -> str:
        return self._text

    def __len__(self) -> int:
        return len(self._text)


class SecretBytes(Secret):
    """Bytes that hold a secret: the content of a file with keys, keys side by side."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        self._data = data

    def _bytes(self) -> bytes:
        return self._data

    def reveal(self) -> bytes:
        return self._data

    def __len__(self) -> int:
        return len(self._data)


def without_keys(text: str) -> str:
    """Text of the user for a message, with whatever looks like a key taken out."""
    return _KEY_LIKE.sub("(redacted)", text)


def quoted(text: str, length: int = 60) -> str:
    """The same in quotes, and not longer than a message bears."""
    return repr(without_keys(text.strip())[:length])
