"""Sections as tables of keys, and how a value below a key is read.

Reading finds all mistakes of a section at once and says where each of them is; what is wrong is
left out. The JSON Schema for editors is made from the same tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from meshc.topology.language.schema.scalars import Mistake, expected

Where = tuple[str | int, ...]
Read = Callable[[Any], Any]
Split = Callable[[Any], list[Any]]


class Misplaced(NamedTuple):
    """A mistake, and where it is below the value that was read."""

    where: Where
    mistake: Mistake


class UnknownKey(Mistake):
    """A key that its section does not have; `known` are those that it has."""

    def __init__(self, key: str, known: tuple[str, ...]) -> None:
        super().__init__("E110", f"unknown key {key}")
        self.known = known


class MissingKey(Mistake):
    """A key that its section must have."""

    def __init__(self, key: str) -> None:
        super().__init__("E111", f"`{key}` is missing")


class Mistakes(Exception):
    """Several mistakes inside one value."""

    def __init__(self, found: list[Misplaced]) -> None:
        super().__init__(f"{len(found)} mistakes")
        self.found = found


class ValueKind(NamedTuple):
    """One kind of value. `read` raises Mistake or Mistakes; `schema` is its JSON Schema."""

    read: Read
    schema: Mapping[str, Any]


class Field(NamedTuple):
    """One key of a section."""

    kind: ValueKind
    description: str
    required: bool = False
    examples: tuple[Any, ...] = ()


class KeySection(NamedTuple):
    """A mapping with known keys. `name` is what it is called in the JSON Schema."""

    name: str
    description: str
    fields: Mapping[str, Field]

    def read(self, value: Any) -> tuple[dict[str, Any], list[Misplaced]]:
        """The keys that are right, and all mistakes."""
        if type(value) is not dict:
            return {}, [Misplaced((), expected("a mapping of settings", value))]
        result: dict[str, Any] = {}
        found: list[Misplaced] = []
        fields = self.fields
        for key, item in value.items():
            field = fields.get(key)
            if field is None:
                found.append(Misplaced((key,), UnknownKey(key, tuple(fields))))
                continue
            try:
                result[key] = field.kind.read(item)
            except (Mistake, Mistakes) as error:
                found += _below(key, error)
        for key, field in fields.items():
            if field.required and key not in value:
                found.append(Misplaced((key,), MissingKey(key)))
        return result, found


def one(read: Read, **schema: Any) -> ValueKind:
    """A single value."""
    return ValueKind(read, schema)


def many(read: Read, item: Mapping[str, Any], split: Split | None = None) -> ValueKind:
    """A list that also takes one text, which `split` takes apart (at commas by default)."""
    parts = split or comma_list
    return ValueKind(
        lambda value: _collected(enumerate(parts(value)), read),
        {"anyOf": [{"type": "array", "items": item}, {"type": "string"}]},
    )


def nested(section: KeySection) -> ValueKind:
    """A section below a key."""
    return ValueKind(lambda value: _whole(section, value), {"$ref": _reference(section)})


def named(section: KeySection) -> ValueKind:
    """A mapping from names to sections."""

    def read(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise expected("a mapping of settings", value)
        pairs = value.items()
        return dict(zip(value, _collected(pairs, lambda it: _whole(section, it)), strict=True))

    schema = {"type": "object", "additionalProperties": {"$ref": _reference(section)}}
    return ValueKind(read, schema)


def comma_list(value: Any) -> list[Any]:
    """Every list also takes one comma-separated text."""
    if isinstance(value, str):
        items = [item.strip() for item in value.split(",")]
        if not any(items):
            raise Mistake("E112", "expected a list, got an empty text", "write [] for none.")
        return items
    if type(value) is not list:
        raise expected("a list or a comma-separated text", value)
    return value


def _reference(section: KeySection) -> str:
    return f"#/$defs/{section.name}"


def _whole(section: KeySection, value: Any) -> dict[str, Any]:
    result, found = section.read(value)
    if found:
        raise Mistakes(found)
    return result


def _collected(items: Any, read: Read) -> list[Any]:
    """Every item read, or all mistakes at once."""
    result: list[Any] = []
    found: list[Misplaced] = []
    for place, item in items:
        try:
            result.append(read(item))
        except (Mistake, Mistakes) as error:
            found += _below(place, error)
    if found:
        raise Mistakes(found)
    return result


def _below(step: str | int, error: Mistake | Mistakes) -> Iterator[Misplaced]:
    """The mistakes of a value, seen from the mapping or list that holds it."""
    if isinstance(error, Mistake):
        yield Misplaced((step,), error)
    else:
        for where, mistake in error.found:
            yield Misplaced((step, *where), mistake)
