"""Fields that somebody else has told: a JSON object, read strictly and within bounds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from meshc.errors import KeyFormatError
from meshc.keys import PublicKey


class ToldFields:
    """One object. A field that is not as it must be makes the whole `bad`; nothing raises."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = data
        self.bad = False

    def text(self, key: str, longest: int = 255, *, printable: bool = True) -> str:
        value = self._data.get(key, "")
        if (
            isinstance(value, str)
            and len(value) <= longest
            and (value.isprintable() or not printable)
        ):
            return value
        self.bad = True
        return ""

    def number(self, key: str, most: int = 1 << 53) -> int:
        value = self._data.get(key, 0)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most:
            return value
        self.bad = True
        return 0

    def key(self, key: str) -> PublicKey:
        try:
            return PublicKey.parse(self.text(key))
        except KeyFormatError:
            self.bad = True
            return PublicKey("")

    def inner(self, key: str) -> ToldFields | None:
        """The object that a field holds; None where there is no such field."""
        value = self._data.get(key)
        if isinstance(value, dict):
            return ToldFields(value)
        self.bad = self.bad or value is not None
        return None


def told_fields(body: bytes) -> ToldFields | None:
    """None for what is no JSON object."""
    try:
        data = json.loads(body.decode())
    except (ValueError, RecursionError):
        return None
    return ToldFields(data) if isinstance(data, dict) else None


def packed(fields: Mapping[str, object]) -> bytes:
    """The object as bytes; equal fields give equal bytes."""
    return json.dumps(fields, ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode()
