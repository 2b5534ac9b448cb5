"""Values as JSON and back, by the types that their fields declare: how jobs and answers travel.

Dataclasses, tuples, mappings with text keys, optional values and the scalars of JSON; nothing
else, and nothing that the type does not say: what is read cannot be of another kind.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints


def to_json(value: Any) -> Any:
    """Raises: TypeError for a value that cannot be written."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [to_json(one) for one in value]
    if isinstance(value, Mapping):
        return {_key(key): to_json(one) for key, one in value.items()}
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"a {type(value).__name__} does not travel")


def from_json(kind: Any, data: Any) -> Any:
    """A value of the type `kind`. Raises: ValueError when the data is something else."""
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return _union(get_args(kind), data)
    if origin is tuple:
        return _tuple(get_args(kind), data)
    if origin is not None and issubclass(origin, Mapping) and isinstance(data, dict):
        _, inner = get_args(kind)
        return {_key(key): from_json(inner, one) for key, one in data.items()}
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, data)
    if kind is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    if kind in (str, int, float, bool, NoneType) and type(data) is kind:
        return data
    raise ValueError(f"{data!r} is not a {getattr(kind, '__name__', kind)}")


def _union(kinds: tuple[Any, ...], data: Any) -> Any:
    for kind in kinds:
        try:
            return from_json(kind, data)
        except ValueError:
            continue
    raise ValueError(f"{data!r} is none of {', '.join(map(str, kinds))}")


def _tuple(kinds: tuple[Any, ...], data: Any) -> tuple[Any, ...]:
    if not isinstance(data, list):
        raise ValueError(f"{data!r} is not a list")
    if len(kinds) == 2 and kinds[1] is ...:
        return tuple(from_json(kinds[0], one) for one in data)
    if len(kinds) != len(data):
        raise ValueError(f"{data!r} has not {len(kinds)} parts")
    return tuple(from_json(kind, one) for kind, one in zip(kinds, data, strict=True))


def _dataclass(kind: Any, data: Any) -> Any:
    hints = _fields(kind)
    if not isinstance(data, dict) or not data.keys() <= hints.keys():
        raise ValueError(f"{data!r} is not a {kind.__name__}")
    try:
        return kind(**{name: from_json(hints[name], one) for name, one in data.items()})
    except TypeError as error:
        raise ValueError(f"{kind.__name__}: {error}") from None


@cache
def _fields(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(f"{key!r} is not a text key")
    return key
