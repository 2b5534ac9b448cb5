"""`meshc.values.dataclass` makes what `dataclasses.dataclass` makes, class for class."""

from __future__ import annotations

import copy
import dataclasses
import importlib
import inspect
import pickle
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import meshc
from meshc import values
from meshc.values import dataclass, field

Make = Callable[..., Callable[[type], type]]


@dataclass(frozen=True, slots=True)
class Point:
    """Pickled below, so that it needs a name of its own."""

    x: int
    y: int = 2
    seen: list[int] = field(default_factory=list, compare=False, repr=False)


def small(make: Make) -> type:
    @make(frozen=True, slots=True)
    class Small:
        a: int
        b: str = "b"

    return Small


def ordered(make: Make) -> type:
    @make(frozen=True, slots=True, order=True)
    class Ordered:
        a: int
        b: int = field(default=0, compare=False)

    return Ordered


def changeable(make: Make) -> type:
    @make(slots=True)
    class Changeable:
        a: int
        b: list[int] = field(default_factory=list)
        c: int = field(init=False)
        d: dict[int, int] = field(init=False, default_factory=dict, repr=False)

        def __post_init__(self) -> None:
            self.c = self.a + 1

    return Changeable


def by_name(make: Make) -> type:
    @make(frozen=True, slots=True, kw_only=True)
    class ByName:
        a: int = 1
        b: int

    return ByName


def redacting(make: Make) -> type:
    @make(frozen=True, slots=True)
    class Redacting:
        a: int
        b: int = field(default=3, hash=False, repr=False)

        def __repr__(self) -> str:
            return "redacted"

    return Redacting


def single(make: Make) -> type:
    @make(frozen=True, slots=True)
    class Single:
        a: tuple[int, ...] = ()

    return Single


def empty(make: Make) -> type:
    @make(frozen=True, slots=True)
    class Empty:
        pass

    return Empty


CASES = [small, ordered, changeable, by_name, redacting, single, empty]


def pair(case: Callable[[Make], type]) -> tuple[Any, Any]:
    return case(values._dataclass), case(dataclasses.dataclass)


def outcome(call: Callable[[], object]) -> object:
    """What it gives, or how it fails."""
    try:
        return call()
    except Exception as error:
        return type(error), str(error)


def instances(cls: Any) -> list[Any]:
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
        ((), {}),
        ((1,), {}),
        ((1, 2), {}),
        ((1, 3), {}),
        ((2,), {}),
        ((1,), {"b": 2}),
        ((), {"a": 1, "b": 2}),
        ((), {"b": 5}),
        ((), {"a": (1, 2)}),
        ((1, 2, 3, 4, 5), {}),
        ((), {"wrong": 1}),
    ]
    return [outcome(lambda args=args, named=named: cls(*args, **named)) for args, named in calls]


@pytest.mark.parametrize("case", CASES)
def test_instances_look_the_same_and_fail_the_same(case: Callable[[Make], type]) -> None:
    ours, theirs = map(instances, pair(case))
    assert list(map(repr, ours)) == list(map(repr, theirs))
    assert any(not isinstance(one, tuple) for one in ours)


@pytest.mark.parametrize("case", CASES)
def test_comparisons_and_hashes_are_the_same(case: Callable[[Make], type]) -> None:
    ours, theirs = map(instances, pair(case))
    for how in ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"):
        for i, a in enumerate(ours):
            for j, b in enumerate(ours):
                expected = outcome(lambda i=i, j=j, how=how: getattr(theirs[i], how)(theirs[j]))
                assert outcome(lambda a=a, b=b, how=how: getattr(a, how)(b)) == expected
    for a, b in zip(ours, theirs, strict=True):
        assert isinstance(outcome(lambda a=a: hash(a)), int) == isinstance(
            outcome(lambda b=b: hash(b)), int
        )
        for c, d in zip(ours, theirs, strict=True):
            if outcome(lambda b=b, d=d: hash(b) == hash(d)) is True:
                assert hash(a) == hash(c)


@pytest.mark.parametrize("case", CASES)
def test_attributes_can_be_set_and_deleted_alike(case: Callable[[Make], type]) -> None:
    for ours, theirs in zip(*map(instances, pair(case)), strict=True):
        if isinstance(ours, tuple):
            continue
        for change in (
            lambda one: setattr(one, "a", 7),
            lambda one: delattr(one, "a"),
            lambda one: one.a,
        ):
            expected = outcome(lambda t=theirs, c=change: c(t))
            assert outcome(lambda o=ours, c=change: c(o)) == expected
        assert isinstance(outcome(lambda o=ours: setattr(o, "other", 7)), tuple)


@pytest.mark.parametrize("case", CASES)
def test_the_standard_library_takes_it_for_its_own(case: Callable[[Make], type]) -> None:
    ours, theirs = pair(case)
    assert dataclasses.is_dataclass(ours)
    assert list(map(shape, dataclasses.fields(ours))) == list(
        map(shape, dataclasses.fields(theirs))
    )
    assert ours.__match_args__ == theirs.__match_args__
    for a, b in zip(instances(ours), instances(theirs), strict=True):
        if isinstance(a, tuple):
            continue
        assert dataclasses.asdict(a) == dataclasses.asdict(b)
        changed = [outcome(lambda o=o: repr(dataclasses.replace(o, a=9))) for o in (a, b)]
        assert changed[0] == changed[1]


def test_a_class_may_be_derived_from_one() -> None:
    @dataclasses.dataclass(frozen=True)
    class Point3(Point):
        z: int = 3

    assert Point3(1, z=4) == Point3(1, 2, z=4)
    with pytest.raises(TypeError, match="non-frozen"):

        @dataclasses.dataclass
        class _Soft(Point):
            z: int = 3


def test_pickles_and_copies_are_equal() -> None:
    point = Point(1, seen=[3])
    for same in (pickle.loads(pickle.dumps(point)), copy.copy(point), copy.deepcopy(point)):
        assert same == point
        assert same.seen == [3]


def test_what_is_unusual_is_left_to_the_standard_library() -> None:
    @dataclass(frozen=True, slots=True)
    class Own:
        a: int

        def __eq__(self, other: object) -> bool:
            return True

    assert Own(1) == Own(2)
    with pytest.raises(ValueError, match="mutable default"):

        @dataclass(slots=True)
        class _Shared:
            a: list[int] = []  # noqa: RUF012


def test_a_field_without_default_behind_one_with_is_refused() -> None:
    with pytest.raises((TypeError, SyntaxError)):

        @dataclass(slots=True)
        class _Wrong:
            a: int = 1
            b: int


def shape(one: dataclasses.Field[Any]) -> tuple[Any, ...]:
    return one.name, one.type, one.default, one.default_factory, one.init, one.repr, one.compare


def classes() -> Iterator[Any]:
    """Every class of meshc that is made here."""
    for found in pkgutil.walk_packages(meshc.__path__, "meshc."):
        if found.name == "meshc.__main__":
            continue
        for one in vars(importlib.import_module(found.name)).values():
            if inspect.isclass(one) and one.__module__ == found.name and "__shown__" in vars(one):
                yield one


def test_every_class_takes_what_its_fields_say() -> None:
    found = list(classes())
    assert len(found) > 100
    for cls in found:
        taken = [one for one in dataclasses.fields(cls) if one.init]
        parameters = list(inspect.signature(cls).parameters.values())
        # by name only come last, as in any signature
        assert [p.name for p in parameters] == [one.name for one in taken], cls
        for one, parameter in zip(taken, parameters, strict=True):
            needed = one.default is one.default_factory is dataclasses.MISSING
            assert (parameter.default is inspect.Parameter.empty) == needed, cls
            assert (parameter.kind is inspect.Parameter.KEYWORD_ONLY) == one.kw_only, cls
            if one.default is not dataclasses.MISSING:
                assert parameter.default is one.default, cls
