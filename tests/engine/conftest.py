"""Both roads of the data path for the tests that move packets; all others take that of the engine:
the compiled one where it is built."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from meshc.engine.proto.datapath import compiled, road

_MISSING = "needs meshc-native: ./dev test builds it where cargo is installed"


def _on_each(request: pytest.FixtureRequest) -> Iterator[road.Road]:
    way: road.Road = request.param
    if way is road.COMPILED and not compiled.AVAILABLE:
        pytest.skip(_MISSING)
    with _taken(way):
        yield way


_ROADS = [road.PORTABLE, road.COMPILED]
each_road = pytest.fixture(
    _on_each, scope="module", params=_ROADS, ids=lambda way: way.name, name="each_road"
)
"""Runs the module's tests on one road after the other."""
each_road_alone = pytest.fixture(
    _on_each, params=_ROADS, ids=lambda way: way.name, name="each_road_alone"
)
"""The same for one test: the others of its module find the road of the engine, in whatever order
they run."""


@pytest.fixture
def portable_road() -> Iterator[None]:
    """For tests of what only the portable road does."""
    with _taken(road.PORTABLE):
        yield


@pytest.fixture(scope="module")
def compiled_road() -> Iterator[None]:
    """For tests of what only the compiled road does."""
    if not compiled.AVAILABLE:
        pytest.skip(_MISSING)
    with _taken(road.COMPILED):
        yield


@contextmanager
def _taken(way: road.Road) -> Iterator[None]:
    before = road.taken()
    road.take(way)
    try:
        yield
    finally:
        road.take(before)
