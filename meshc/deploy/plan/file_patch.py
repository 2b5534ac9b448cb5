"""The difference of a node's file and the one that it gets, line by line, without a key in it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

# what `redact` leaves: a keyed hash in the place of each secret, which is equal when the keys are
_HASH = re.compile(r"(?i)((?:PrivateKey|PresharedKey)\s*=\s*)([A-Za-z0-9+/]{8})[A-Za-z0-9+/=]*")


def file_patch(before: str | None, after: str, name: str) -> tuple[str, ...]:
    """As `diff -u` shows it. Both are redacted with one salt; None: there is no file yet. Keys are
    shown as fingerprints, which are others in the next plan."""
    old = () if before is None else tuple(_lines(before))
    where = "/dev/null" if before is None else name
    return tuple(difflib.unified_diff(old, tuple(_lines(after)), where, name, lineterm=""))


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        yield _HASH.sub(r"\1(fingerprint \2)", line)
