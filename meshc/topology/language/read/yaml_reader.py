"""YAML text -> plain values that know their places.

Built on the parser's event stream rather than on its tree, so that depth, aliases and
duplicate keys are bounded and reported while the text is read: nothing recurses, and a
hostile file costs no more than its own length. Scalars follow the core schema of YAML 1.2
(section 10.3.2), where `no` is a string and `22:22` is not a number.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from meshc.diagnostics import Diagnostics, Location
from meshc.topology.language.read.parsed_file import Mark, ParsedFile
from meshc.topology.language.read.yaml_errors import explain_yaml_error
from meshc.topology.language.wording import quote
from meshc.values import dataclass

MAX_BYTES = 64 << 20
MAX_DEPTH = 24  # the deepest place of the language is at depth 6
MAX_VALUES = 2_000_000  # values after the aliases are expanded
MAX_DIGITS = 40  # no number of the language has more than ten

# YAML 1.2 section 5.1, without the byte order mark; the whole of Unicode takes 5 ms to compile
_UNREADABLE_ASCII = re.compile("[^\t\n\r\x20-\x7e]")
_UNREADABLE = "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
_INT = re.compile(r"[-+]?[0-9]+\Z")
_OCTAL = re.compile(r"0o[0-7]+\Z")
_HEX = re.compile(r"0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_WORDS: dict[str, Any] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
    ".inf": float("inf"),
    ".Inf": float("inf"),
    ".INF": float("inf"),
    "+.inf": float("inf"),
    "-.inf": float("-inf"),
    ".nan": float("nan"),
    ".NaN": float("nan"),
}
_STRING_TAGS = frozenset({"!", "tag:yaml.org,2002:str"})


def parse_source(text: str, file: str, diagnostics: Diagnostics) -> ParsedFile | None:
    """Reads one YAML document; None when it is unusable, with the reason in `diagnostics`."""
    text = text.removeprefix("\ufeff")
    if not _readable(text, file, diagnostics):
        return None
    reader = _Reader(file, diagnostics)
    try:
        return reader.read(_events(text))
    except yaml.YAMLError as error:
        place, message, hint = explain_yaml_error(error, text)
        diagnostics.add("E100", message, Location(file, *place), hint=hint)
    except _Stop:
        pass
    return None


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


def resolve_scalar(text: str) -> Any:
    """What a plain scalar means in the core schema of YAML 1.2."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789" or len(text) > MAX_DIGITS:
        return text
    if _INT.match(text):
        return int(text)
    if _OCTAL.match(text):
        return int(text[2:], 8)
    if _HEX.match(text):
        return int(text[2:], 16)
    if _FLOAT.match(text):
        return float(text)
    return text


class _Stop(Exception):
    """Reading ends here; the reason has been recorded."""


@dataclass(slots=True)
class _Frame:
    """A mapping or list that is being filled. `values` and `height` measure the subtree
    with its aliases expanded."""

    node: Any
    marks: Any
    mark: Mark
    anchor: str | None
    key: str | None = None
    key_mark: Mark = (0, 0)
    values: int = 1
    height: int = 1


@dataclass(slots=True)
class _Anchor:
    node: Any
    values: int
    height: int
    open: bool


class _Reader:
    """One pass over the events with an explicit stack."""

    def __init__(self, file: str, diagnostics: Diagnostics) -> None:
        self.file = file
        self.diagnostics = diagnostics
        self.stack: list[_Frame] = []
        self.anchors: dict[str, _Anchor] = {}
        self.source = ParsedFile(file, None)
        self.documents = 0

    def read(self, events: Iterator[Event]) -> ParsedFile | None:
        for event in events:
            if isinstance(event, ScalarEvent):
                self._scalar(event)
            elif isinstance(event, MappingStartEvent | SequenceStartEvent):
                self._open(event)
            elif isinstance(event, MappingEndEvent | SequenceEndEvent):
                self._close()
            elif isinstance(event, AliasEvent):
                self._alias(event)
            elif isinstance(event, DocumentStartEvent):
                self._document(event)
        return self.source

    def _document(self, event: Event) -> None:
        self.documents += 1
        if self.documents > 1:
            self._fail(
                "E105",
                "a second document starts here",
                _mark(event),
                "a topology is one document; put the other in a file of its own.",
            )

    def _scalar(self, event: ScalarEvent) -> None:
        mark = _mark(event)
        tag = event.tag
        if tag is not None and tag not in _STRING_TAGS:
            self._tag(tag, mark)
        frame = self.stack[-1] if self.stack else None
        if frame is not None and frame.key is None and type(frame.node) is dict:
            # keys are taken as written: a node may be called `no` or `7`
            self._key(frame, event.value, mark, merge=event.implicit[0] and event.value == "<<")
            if event.anchor:
                self.anchors[event.anchor] = _Anchor(event.value, 1, 0, False)
            return
        plain = event.implicit[0] and tag is None
        value = resolve_scalar(event.value) if plain else event.value
        if event.anchor:
            self.anchors[event.anchor] = _Anchor(value, 1, 0, False)
        self._put(value, mark, 1, 0)

    def _key(self, frame: _Frame, text: str, mark: Mark, *, merge: bool) -> None:
        if merge:
            self._fail(
                "E105",
                "merge keys (`<<`) are not part of the language",
                mark,
                "share settings with `defaults:` or with a group that holds node keys.",
            )
        if text in frame.marks:
            first = frame.marks[text][0]
            self.diagnostics.add(
                "E103",
                f"the key {quote(text)} is already in line {first[0]}, column {first[1]}",
                Location(self.file, *mark),
                hint="keep one of the two; the second is not read.",
            )
            text = f"\0{text}"  # takes the value that follows; thrown away in _put
        frame.key, frame.key_mark = text, mark

    def _open(self, event: MappingStartEvent | SequenceStartEvent) -> None:
        mark = _mark(event)
        if event.tag is not None and not event.implicit:
            self._tag(event.tag, mark)
        if self.stack:
            parent = self.stack[-1]
            if parent.key is None and type(parent.node) is dict:
                self._fail(
                    "E105",
                    "a list or mapping stands where a key is expected",
                    mark,
                    "keys are plain words; is a `:` or a quote missing or too much?",
                )
        if len(self.stack) >= MAX_DEPTH:
            self._too_deep(mark)
        node: Any = {} if isinstance(event, MappingStartEvent) else []
        marks: Any = {} if isinstance(event, MappingStartEvent) else []
        self.source.marks[id(node)] = marks
        frame = _Frame(node, marks, mark, event.anchor)
        if event.anchor:
            self.anchors[event.anchor] = _Anchor(node, 0, 0, True)
        self.stack.append(frame)

    def _close(self) -> None:
        frame = self.stack.pop()
        if frame.anchor:
            self.anchors[frame.anchor] = _Anchor(frame.node, frame.values, frame.height, False)
        self._put(frame.node, frame.mark, frame.values, frame.height)

    def _alias(self, event: AliasEvent) -> None:
        mark = _mark(event)
        anchor = self.anchors.get(event.anchor or "")
        name = quote(f"*{event.anchor}")
        if anchor is None:
            self._fail(
                "E104",
                f"{name} refers to an anchor that is not defined above",
                mark,
                "an alias repeats what an earlier `&name` marked; "
                "a text that starts with * needs quotes.",
            )
            return
        if anchor.open:
            self._fail(
                "E104",
                f"{name} stands inside the value that it repeats",
                mark,
                "a value cannot contain itself.",
            )
        frame = self.stack[-1] if self.stack else None
        if frame is not None and frame.key is None and type(frame.node) is dict:
            if not isinstance(anchor.node, str):
                self._fail("E105", f"{name} is used as a key but is not text", mark, "")
            self._key(frame, anchor.node, mark, merge=False)
            return
        if len(self.stack) + anchor.height > MAX_DEPTH:
            self._too_deep(mark)
        self._put(anchor.node, mark, anchor.values, anchor.height)

    def _put(self, value: Any, mark: Mark, values: int, height: int) -> None:
        if not self.stack:
            self.source.data, self.source.start = value, mark
            return
        frame = self.stack[-1]
        frame.values += values
        frame.height = max(frame.height, height + 1)
        if frame.values > MAX_VALUES:
            code, how = ("E104", ", with its aliases expanded") if self.anchors else ("E102", "")
            self._fail(
                code,
                f"the document has over {MAX_VALUES:,} values{how}",
                mark,
                "share settings with `defaults:` or groups, and split the network.",
            )
        if type(frame.node) is list:
            frame.node.append(value)
            frame.marks.append(mark)
            return
        key, frame.key = frame.key, None
        assert key is not None
        if key[:1] != "\0":
            frame.node[key] = value
            frame.marks[key] = (frame.key_mark, mark)

    def _tag(self, tag: str, mark: Mark) -> None:
        self._fail(
            "E105",
            f"the tag {quote(tag.replace('tag:yaml.org,2002:', '!!'))} has no meaning here",
            mark,
            "remove it; put quotes around a number that is meant as text.",
        )

    def _too_deep(self, mark: Mark) -> None:
        self._fail(
            "E102",
            f"values are nested more than {MAX_DEPTH} deep",
            mark,
            "no part of the language is; is a bracket or brace left open?",
        )

    def _fail(self, code: str, message: str, mark: Mark, hint: str) -> None:
        self.diagnostics.add(code, message, Location(self.file, *mark), hint=hint)
        raise _Stop


def _readable(text: str, file: str, diagnostics: Diagnostics) -> bool:
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


def _mark(event: Event) -> Mark:
    mark = event.start_mark
    assert mark is not None, "both parsers mark every event"
    return (mark.line + 1, mark.column + 1)


def _events(text: str) -> Iterator[Event]:
    """libyaml's parser when PyYAML was built with it, else the one in Python: same events."""
    if yaml.__with_libyaml__:
        parser: Any = importlib.import_module("yaml._yaml").CParser(text)
    else:
        parser = _PureParser(text)
    while parser.check_event():
        yield parser.get_event()


class _PureParser(yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser):
    """PyYAML's own parser without its composer."""

    def __init__(self, text: str) -> None:
        yaml.reader.Reader.__init__(self, text)
        yaml.scanner.Scanner.__init__(self)
        yaml.parser.Parser.__init__(self)
