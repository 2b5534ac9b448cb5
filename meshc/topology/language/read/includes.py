"""`include:`: a topology of several files, joined to one document whose parts know their files.

The main file has what there is once (`meshc`, `network`, `defaults`, `lab`); the others add sites,
nodes, groups, links and tests. Each file comes in once, so that there are no cycles to follow.
"""

from __future__ import annotations

import posixpath
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from meshc.diagnostics import Diagnostics, Location
from meshc.topology.language.read.parsed_file import ParsedFile, Path, place
from meshc.topology.language.read.source_text import decode_source
from meshc.topology.language.read.yaml_reader import parse_source
from meshc.topology.language.wording import describe, listing, quote
from meshc.values import dataclass

KEY = "include"
MAX_FILES = 1_000
SUFFIXES = (".yaml", ".yml")
TABLES = ("sites", "nodes", "groups")
LISTS = ("links", "tests", "accept")
FREE = "x-"  # keys at the top for anchors; what is below them is the writer's own
_KNOWN = (KEY, "meshc", *TABLES, *LISTS)
_ONCE = ("network", "defaults", "lab", "keys")


@dataclass(frozen=True, slots=True)
class Unopened:
    """Why a file could not be read."""

    reason: str


Opener = Callable[[str], bytes | Unopened]
"""Gives the content of a file by its name, relative to the directory of the main file."""


def no_files(_name: str) -> bytes | Unopened:
    """For a topology that is no file."""
    return Unopened("a topology that is not a file includes none")


def join_included(main: ParsedFile, opened: Opener, diagnostics: Diagnostics) -> ParsedFile:
    """`main` with all that it includes. What cannot be included is left out, and is an error."""
    if not isinstance(main.data, dict) or KEY not in main.data:
        return main
    return _Joining(main, opened, diagnostics).join()


class _Joining:
    def __init__(self, main: ParsedFile, opened: Opener, diagnostics: Diagnostics) -> None:
        self.main = main
        self.opened = opened
        self.diagnostics = diagnostics
        self.included = {posixpath.basename(main.file): main.file}
        self.grown: dict[str, Any] = {}

    def join(self) -> ParsedFile:
        whole = dict(self.main.data)
        self.main.marks[id(whole)] = dict(self.main.marks[id(self.main.data)])
        self.main.data = whole
        waiting = deque([(self.main, "")])
        while waiting:
            source, directory = waiting.popleft()
            for name, path in self._names(source):
                where = posixpath.normpath(posixpath.join(directory, name))
                part = self._read(where, source, path)
                if part is not None:
                    self._add(part)
                    waiting.append((part, posixpath.dirname(where)))
        del whole[KEY]
        return self.main

    def _names(self, source: ParsedFile) -> Iterator[tuple[str, Path]]:
        """What a file includes, and the place of each name."""
        if KEY not in source.data:
            return
        value = source.data[KEY]
        many = isinstance(value, list)
        for index, name in enumerate(value if many else [value]):
            path: Path = (KEY, index) if many else (KEY,)
            fault = _fault(name)
            if fault:
                self._refuse(fault, source, path)
            else:
                yield name, path

    def _read(self, name: str, source: ParsedFile, path: Path) -> ParsedFile | None:
        """The file called `name`, seen from the main file; None with the reason said."""
        shown = posixpath.normpath(posixpath.join(posixpath.dirname(self.main.file), name))
        if name in self.included:
            self._refuse(f"{quote(shown)} is part of this topology already", source, path, _TWICE)
            return None
        self.included[name] = shown
        if len(self.included) > MAX_FILES:
            self._refuse(f"over {MAX_FILES:,} files", source, path)
            return None
        content = self.opened(name)
        if isinstance(content, Unopened):
            self._refuse(f"{quote(shown)}: {content.reason}", source, path)
            return None
        text = decode_source(content, shown, self.diagnostics)
        part = None if text is None else parse_source(text, shown, self.diagnostics)
        if part is None or part.data is None:
            return None
        if not isinstance(part.data, dict):
            self._wrong(f"expected a mapping with {listing(TABLES)}", part.data, part, ())
            return None
        return part

    def _add(self, part: ParsedFile) -> None:
        """Puts the sections of a file into the whole; their places keep its name."""
        self.main.marks |= {one: _in(part.file, marks) for one, marks in part.marks.items()}
        for key, value in part.data.items():
            if key in TABLES or key in LISTS:
                self._section(key, value, part)
            elif key in _ONCE:
                self._unknown(key, part, "it belongs into the main file, once for all.")
            elif key == "meshc":
                if value != self.main.data.get("meshc"):
                    self._unknown(key, part, "leave it out: the main file says it for all.")
            elif key != KEY and not key.startswith(FREE):
                self._unknown(key, part, f"known here: {listing(sorted(_KNOWN))}.")

    def _section(self, key: str, value: Any, part: ParsedFile) -> None:
        if value is None:
            return
        if key in LISTS:
            if isinstance(value, list):
                self._extend(key, value, part)
            else:
                self._wrong("expected a list", value, part, (key,))
        elif isinstance(value, dict):
            self._update(key, value, part)
        else:
            self._wrong("expected a mapping from names to their settings", value, part, (key,))

    def _extend(self, key: str, value: list[Any], part: ParsedFile) -> None:
        whole = self._whole(key, list, part)
        if whole is not None:
            whole.extend(value)
            self.main.marks[id(whole)].extend(self.main.marks[id(value)])

    def _update(self, key: str, value: dict[str, Any], part: ParsedFile) -> None:
        whole = self._whole(key, dict, part)
        if whole is None:
            return
        marks, new = self.main.marks[id(whole)], self.main.marks[id(value)]
        for name in value:
            if name in whole:
                self._twice(name, place(marks[name][0], self.main.file), part, key)
            else:
                whole[name] = value[name]
                marks[name] = new[name]

    def _whole(self, key: str, kind: Any, part: ParsedFile) -> Any:
        """The section that grows; None where the main file has something else there. A copy: an
        alias may repeat the one of the main file."""
        if key in self.grown:
            return self.grown[key]
        there = self.main.data.get(key)
        if there is not None and not isinstance(there, kind):
            return None  # said where the main file is read
        whole = self.grown[key] = self.main.data[key] = kind(there or ())
        self.main.marks[id(whole)] = kind(self.main.marks[id(there)] if there else ())
        top = self.main.marks[id(self.main.data)]
        top.setdefault(key, self.main.marks[id(part.data)][key])
        return whole

    def _twice(self, name: str, first: Location, part: ParsedFile, key: str) -> None:
        self.diagnostics.add(
            "E103",
            f"{quote(name)} is already in {first.file}, line {first.line}",
            part.locate((key, name), key=True),
            hint="keep one of the two; the second is not read.",
        )

    def _unknown(self, key: str, part: ParsedFile, hint: str) -> None:
        self.diagnostics.add(
            "E110",
            f"{quote(key)} has no place in an included file",
            part.locate((key,), key=True),
            hint=hint,
        )

    def _wrong(self, expected: str, value: Any, part: ParsedFile, path: Path) -> None:
        message = f"{expected}, got {describe(value)}"
        self.diagnostics.add("E112", message, part.locate(path))

    def _refuse(self, message: str, source: ParsedFile, path: Path, hint: str = "") -> None:
        self.diagnostics.add("E107", message, source.locate(path), path=KEY, hint=hint or _HOW)


_HOW = "for example `include: [offices.yaml, partners/acme.yaml]`, relative to this file."
_TWICE = "a file is included once, and none includes itself or the main file: delete this line."


def _fault(name: object) -> str:
    """Why this cannot be the name of an included file."""
    if not isinstance(name, str) or not name:
        return f"expected the name of a file, got {describe(name)}"
    if posixpath.isabs(name) or "\\" in name or not name.isprintable():
        return f"{quote(name)} is not the name of a file relative to this one"
    # what else lies on a disk, keys above all, would be told in messages
    if not name.endswith(SUFFIXES):
        return f"{quote(name)} does not end in {' or '.join(SUFFIXES)}"
    return ""


def _in(file: str, marks: Any) -> Any:
    """The marks of a mapping or list, with the file that they are in."""
    if isinstance(marks, dict):
        return {key: tuple((*mark, file) for mark in both) for key, both in marks.items()}
    return [(*mark, file) for mark in marks]
