"""YAML text -> plain values that know their places.

Built on the parser's event stream rather than on its tree, so that depth, aliases and
duplicate keys are bounded and reported while the text is read: nothing recurses, and a
hostile file costs no more than its own length. Scalars follow the core schema of YAML 1.2
(section 10.3.2), where `no` is a string and `22:22` is not a number; the merge key `<<` of
YAML 1.1 is kept, since people expect it.
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
from meshc.topology.language.read.source_text import readable
from meshc.topology.language.read.yaml_errors import explain_yaml_error
from meshc.topology.language.wording import quote
from meshc.values import dataclass, field

MAX_DEPTH = 24  # the deepest place of the language is at depth 6
MAX_VALUES = 2_000_000  # values after the aliases are expanded
MAX_DIGITS = 40  # no number of the language has more than ten

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
_DROPPED = "\0"  # starts a key that is not read
_STRING_TAGS = frozenset({"!", "tag:yaml.org,2002:str"})


def parse_source(text: str, file: str, diagnostics: Diagnostics) -> ParsedFile | None:
    """Reads one YAML document; None when it is unusable, with the reason in `diagnostics`."""
    text = text.removeprefix("\ufeff")
    if not readable(text, file, diagnostics):
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
    merge_mark: Mark | None = None
    merged: list[dict[str, Any]] = field(default_factory=list)


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
        if merge and frame.merge_mark is None:
            frame.key, frame.key_mark, frame.merge_mark = text, mark, mark
            return
        first = frame.merge_mark if merge else frame.marks.get(text, (None,))[0]
        if first is not None:
            self.diagnostics.add(
                "E103",
                f"the key {quote(text)} is already in line {first[0]}, column {first[1]}",
                Location(self.file, *mark),
                hint="keep one of the two; the second is not read.",
            )
            text = f"{_DROPPED}{text}"  # takes the value that follows; thrown away in _put
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
        if frame.merged:
            self._merge(frame)
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
        if frame.key_mark == frame.merge_mark:
            frame.merged = self._mappings(value, mark)
        elif key[:1] != _DROPPED:
            frame.node[key] = value
            frame.marks[key] = (frame.key_mark, mark)

    def _mappings(self, value: Any, mark: Mark) -> list[dict[str, Any]]:
        """What `<<` takes: a mapping, or a list of them."""
        found = value if type(value) is list else [value]
        if not found or any(type(one) is not dict for one in found):
            self._fail(
                "E105",
                "`<<` takes the keys of another mapping, and this is none",
                mark,
                "mark the mapping with `&name` above, and write `<<: *name` or `<<: [*one, *two]`.",
            )
        return found

    def _merge(self, frame: _Frame) -> None:
        """Takes over the keys that the mapping has not itself; of several mappings the first that
        has a key gives it (YAML 1.1, yaml.org/type/merge.html). They keep the places where they
        were written."""
        for other in frame.merged:
            marks = self.source.marks[id(other)]
            for key, value in other.items():
                if key not in frame.node:
                    frame.node[key] = value
                    frame.marks[key] = marks[key]

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
