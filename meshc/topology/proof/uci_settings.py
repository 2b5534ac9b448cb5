"""The uci settings that a script makes: sections of options, from the lines of its `uci batch`.

Not a shell: only what stands between `uci batch <<'EOF'` and `EOF` is read, because everything
else depends on what the router holds when the script runs. A line that cannot be taken apart
changes nothing here, as uci itself refuses it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from meshc.values import dataclass, field

_START = re.compile(r"\s*uci\s+(?:-\S+\s+)*batch\s*<<\s*(['\"]?)(\w+)\1\s*$")
_PLACE = re.compile(r"(?:@(\w+)\[(-?\d+)\]|(\w+))(?:\.(\w+))?")


@dataclass(slots=True)
class UciSection:
    """One section of a configuration; `line` is where it begins."""

    config: str
    name: str
    kind: str
    line: int
    options: dict[str, list[str]] = field(default_factory=dict)

    def get(self, option: str, default: str = "") -> str:
        """The value of an option that is no list."""
        return self.options.get(option, [default])[-1]

    def words(self, option: str) -> tuple[str, ...]:
        """The entries of a list; uci reads a plain value as words."""
        return tuple(word for value in self.options.get(option, ()) for word in value.split())


def read_settings(text: str) -> list[UciSection]:
    """All sections, in their order."""
    sections: list[UciSection] = []
    for number, line in _batch_lines(text):
        try:
            words = shlex.split(line)
        except ValueError:
            continue
        if len(words) == 3 and words[0] == "add":
            sections.append(UciSection(words[1], "", words[2], number))
        elif len(words) == 2 and words[0] in ("set", "add_list", "delete", "del"):
            _change(sections, words[0], words[1], number)
    return sections


def _batch_lines(text: str) -> Iterator[tuple[int, str]]:
    end = None
    for number, line in enumerate(text.splitlines(), 1):
        if end is None:
            start = _START.fullmatch(line)
            end = start[2] if start else None
        elif line.strip() == end:
            end = None
        else:
            yield number, line


def _change(sections: list[UciSection], verb: str, words: str, line: int) -> None:
    path, equals, value = words.partition("=")
    config, _, rest = path.partition(".")
    place = _PLACE.fullmatch(rest)
    if place is None or (verb in ("set", "add_list")) != bool(equals):
        return
    kind, index, name, option = place.groups()
    section = _find(sections, config, kind, int(index or 0), name)
    if option is None:
        if verb == "set" and section is None and name:
            sections.append(UciSection(config, name, value, line))
        elif verb == "set" and section is not None:
            section.kind = value
        elif verb in ("delete", "del") and section is not None:
            sections.remove(section)
    elif section is not None:
        if verb == "set":
            section.options[option] = [value]
        elif verb == "add_list":
            section.options.setdefault(option, []).append(value)
        else:
            section.options.pop(option, None)


def _find(
    sections: list[UciSection], config: str, kind: str | None, index: int, name: str | None
) -> UciSection | None:
    if kind is None:
        named = (one for one in sections if (one.config, one.name) == (config, name))
        return next(named, None)
    of_kind = [one for one in sections if (one.config, one.kind) == (config, kind)]
    return of_kind[index] if -len(of_kind) <= index < len(of_kind) else None
