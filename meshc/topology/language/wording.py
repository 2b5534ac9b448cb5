"""How values of a file are named in messages: short, on one line, never executable."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Any

from meshc.secret import without_keys

MOST = 60


def quote(text: str) -> str:
    """`text` in single quotes, with control characters escaped, at most 60 characters of it, and
    nothing that looks like a key: whoever misreads `preshared_key` writes one there."""
    text = without_keys(text)
    short = text if len(text) <= MOST else text[: MOST - 1] + "…"
    return "'" + "".join(c if c.isprintable() else repr(c)[1:-1] for c in short) + "'"


def describe(value: Any) -> str:
    """What a value is, for `expected …, got …`."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"the truth value {str(value).lower()}"
    if isinstance(value, int | float):
        return f"the number {str(value)[:MOST]}"
    if isinstance(value, str):
        return f"the text {quote(value)}"
    return "a list" if isinstance(value, list | tuple) else "a mapping"


def suggest(word: str, known: Iterable[str]) -> str:
    """`did you mean 'x'? ` for a close match, else empty text."""
    return _suggest(word, tuple(known)) if len(word) <= MOST else ""


def listing(words: Collection[str], conjunction: str = "and") -> str:
    """`a, b and c`, the first twelve of them."""
    items = list(words)
    if len(items) > 12:
        return ", ".join(items[:12]) + f" {conjunction} {len(items) - 12} more"
    if len(items) < 2:
        return "".join(items)
    return ", ".join(items[:-1]) + f" {conjunction} {items[-1]}"


@lru_cache(maxsize=1024)
def _suggest(word: str, names: tuple[str, ...]) -> str:
    """Cached: a generated file has the same mistake in every node."""
    folded = word.casefold().replace("-", "_")
    for name in names:
        if name.casefold().replace("-", "_") == folded:
            return f"did you mean {quote(name)}?"
    parts = [name for name in names if folded in name.split("_")]
    if len(parts) == 1:  # `cone` is the full one
        return f"did you mean {quote(parts[0])}?"
    from difflib import get_close_matches  # only for mistakes

    close = get_close_matches(word, names, n=1, cutoff=0.6)
    return f"did you mean {quote(close[0])}?" if close else ""
