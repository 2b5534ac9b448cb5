"""`dataclasses.dataclass` for classes with slots, made in a fifth of the time.

A build defines some sixty of them before it does anything, and the standard library writes and
compiles six functions for each: half a millisecond a class, a tenth of a build of 300 nodes.
Here only `__init__` is compiled; the other methods are shared by all classes. What they do is the
same (the tests hold every one of them against the standard library's), and `replace`, `fields` and
`asdict` work as well. What is out of the ordinary is left to `dataclasses` itself.
"""

from __future__ import annotations

import dataclasses
import inspect
import operator
from collections.abc import Callable
from dataclasses import field
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass", "field"]

# what makes a class unusual when it brings it itself, or says it in an annotation
_SPECIAL_METHODS = frozenset(
    [
        "__eq__",
        "__hash__",
        "__lt__",
        "__setattr__",
        "__delattr__",
        "__reduce__",
        "__getstate__",
        "__setstate__",
    ]
)
_SPECIAL_FIELDS = ("ClassVar", "InitVar", "KW_ONLY")
_ORDERINGS = (operator.lt, operator.le, operator.gt, operator.ge)
_FACTORY = object()


def _dataclass(
    *, frozen: bool = False, slots: bool = False, order: bool = False, kw_only: bool = False
) -> Callable[[type], type]:
    """As `dataclasses.dataclass`; see there."""

    def wrap(cls: type) -> type:
        names: dict[str, Any] = inspect.get_annotations(cls)
        plain = (
            slots
            and names
            and cls.__bases__ == (object,)
            and _SPECIAL_METHODS.isdisjoint(cls.__dict__)
            and not any(word in str(note) for note in names.values() for word in _SPECIAL_FIELDS)
            # a list as a default is a mistake that it tells
            and not any(type(cls.__dict__.get(name)).__hash__ is None for name in names)
        )
        if not plain:
            same = dataclasses.dataclass(frozen=frozen, slots=slots, order=order, kw_only=kw_only)
            return same(cls)
        return _make(cls, names, frozen=frozen, order=order, kw_only=kw_only)

    return wrap


if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    dataclass = _dataclass


def _make(
    cls: type, annotations: dict[str, Any], *, frozen: bool, order: bool, kw_only: bool
) -> type:
    body = dict(cls.__dict__)
    for unwanted in ("__dict__", "__weakref__"):
        body.pop(unwanted, None)
    defaults = {name: body.pop(name) for name in annotations if name in body}
    fields = {name: _as_field(defaults.get(name, dataclasses.MISSING)) for name in annotations}
    body["__slots__"] = tuple(annotations)
    positional = [name for name, one in fields.items() if one.init and not kw_only]
    body["__match_args__"] = tuple(positional)
    compared = [name for name, one in fields.items() if one.compare]
    hashed = [n for n, one in fields.items() if (one.compare if one.hash is None else one.hash)]
    body["__values__"] = _getter(list(annotations))
    body["__compared__"] = _getter(compared)
    body["__hashed__"] = _getter(hashed)
    body["__shown__"] = tuple(name for name, one in fields.items() if one.repr)
    options = {"frozen": frozen, "order": order, "kw_only": kw_only}
    body["__dataclass_fields__"] = _Fields(annotations, defaults, options)
    body["__eq__"] = _eq
    body["__hash__"] = _hash if frozen else None
    body.setdefault("__repr__", _repr)
    if frozen:
        body |= _FROZEN
    if order:
        body |= _ORDER
    made: Any = type(cls)(cls.__name__, cls.__bases__, body)
    made.__qualname__ = cls.__qualname__
    made.__init__ = _init(made, fields, kw_only=kw_only)
    made.__setters__ = tuple(made.__dict__[name].__set__ for name in annotations)
    return made  # type: ignore[no-any-return]


def _as_field(default: Any) -> Any:
    return default if isinstance(default, dataclasses.Field) else field(default=default)


def _getter(names: list[str]) -> Callable[[Any], Any]:
    """The values of these fields, as something to compare and to hash."""
    if not names:
        return lambda self: ()
    return operator.attrgetter(*names)


def _init(cls: type, fields: dict[str, Any], *, kw_only: bool) -> Callable[..., None]:
    """The one method that is worth compiling: it is called a million times in a large build."""
    known: dict[str, Any] = {"_FACTORY": _FACTORY}
    parameters, lines = ["self"], []
    if kw_only:
        parameters.append("*")
    for name, one in fields.items():
        known[f"_set_{name}"] = cls.__dict__[name].__set__
        value = name
        if one.default_factory is not dataclasses.MISSING:
            known[f"_make_{name}"] = one.default_factory
            value = f"_make_{name}()"
            if one.init:
                parameters.append(f"{name}=_FACTORY")
                value += f" if {name} is _FACTORY else {name}"
        elif one.default is not dataclasses.MISSING:
            known[f"_default_{name}"] = one.default
            parameters.append(f"{name}=_default_{name}")
        elif one.init:
            parameters.append(name)
        else:
            continue
        lines.append(f"  _set_{name}(self, {value})\n")
    if hasattr(cls, "__post_init__"):
        lines.append("  self.__post_init__()\n")
    exec(f"def __init__({', '.join(parameters)}):\n{''.join(lines)}  return None\n", known)
    init: Callable[..., None] = known["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    return init


class _Fields:
    """`__dataclass_fields__`, by which `dataclasses` knows a dataclass, made when asked for."""

    def __init__(
        self, annotations: dict[str, Any], defaults: dict[str, Any], options: dict[str, bool]
    ) -> None:
        self._body = {**defaults, "__annotations__": annotations}
        self._options = options

    def __get__(self, instance: object, owner: type) -> dict[str, Any]:
        body = {**self._body, "__module__": owner.__module__, "__doc__": ""}
        same: Any = dataclasses.dataclass(**self._options)(type(owner.__name__, (), body))
        # a subclass asks for both, in this order
        for attribute in ("__dataclass_fields__", "__dataclass_params__"):
            type.__setattr__(owner, attribute, getattr(same, attribute))
        fields: dict[str, Any] = same.__dataclass_fields__
        return fields


def _restored(cls: Any, values: tuple[Any, ...]) -> object:
    """Unpickles: past `__init__`, which a frozen class needs."""
    made: object = object.__new__(cls)
    for put, value in zip(cls.__setters__, values, strict=True):
        put(made, value)
    return made


def _reduce(self: Any) -> tuple[Any, ...]:
    cls = type(self)
    values = cls.__values__(self)
    return _restored, (cls, values if len(cls.__slots__) > 1 else (values,))


def _repr(self: Any) -> str:
    shown = ", ".join([f"{name}={getattr(self, name)!r}" for name in self.__shown__])
    return f"{type(self).__qualname__}({shown})"


def _hash(self: Any) -> int:
    return hash(type(self).__hashed__(self))


def _compare(how: Callable[[Any, Any], bool]) -> Callable[[Any, Any], Any]:
    def compare(self: Any, other: Any) -> Any:
        cls = type(self)
        if type(other) is not cls:
            return NotImplemented
        values = cls.__compared__
        return how(values(self), values(other))

    return compare


def _refuse_to_set(self: object, name: str, value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(self: object, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


_eq = _compare(operator.eq)
_FROZEN = {
    "__setattr__": _refuse_to_set,
    "__delattr__": _refuse_to_delete,
    "__reduce__": _reduce,
}
_ORDER = {f"__{how.__name__}__": _compare(how) for how in _ORDERINGS}
