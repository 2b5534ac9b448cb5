"""Sections of an INI file, as systemd and GLib write them: in order, with repeated names."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

from meshc.errors import KeyFormatError, PrefixFormatError
from meshc.topology.proof.output_readers.output_reading import OutputError

_T = TypeVar("_T")


class Entry(NamedTuple):
    """One `key=value` line."""

    key: str
    value: str
    line: int


class IniSection(NamedTuple):
    """`name` as in its header."""

    name: str
    entries: list[Entry]
    line: int

    def last(self, key: str, default: str = "") -> str:
        """The last value counts."""
        return next((e.value for e in reversed(self.entries) if e.key == key), default)

    def every(self, key: str) -> list[str]:
        """All values; an empty one takes back those before it (systemd.syntax(7))."""
        found: list[str] = []
        for entry in self.entries:
            if entry.key == key:
                found = [*found, entry.value] if entry.value else []
        return found

    def others(self, known: Iterable[str]) -> list[str]:
        """The settings that are not `known`, to be told."""
        known = frozenset(known)
        return [f"{e.key} in line {e.line}" for e in self.entries if e.key not in known]


def read_sections(text: str, file: str) -> list[IniSection]:
    """Raises: OutputError for a line that is none."""
    found: list[IniSection] = []
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        if line[0] == "[" and line[-1] == "]":
            found.append(IniSection(line[1:-1], [], number))
            continue
        key, equals, value = line.partition("=")
        if not equals or not found or line.endswith("\\"):
            raise OutputError(f"{file}:{number}: not a `key=value` line of a section")
        found[-1].entries.append(Entry(key.strip(), value.strip(), number))
    return found


def valued(parse: Callable[[str], _T], text: str, what: str, place: str) -> _T:
    """A value. Raises: OutputError that does not repeat it: it may be a key."""
    try:
        return parse(text)
    except (KeyFormatError, PrefixFormatError, ValueError):
        raise OutputError(f"{place}: this is no {what}") from None
