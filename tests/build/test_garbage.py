"""The collector is off inside and as it was after, whatever happens."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import suppress

import pytest

from meshc.build.garbage import without_gc


@pytest.fixture(autouse=True)
def collector_as_it_was() -> Iterator[None]:
    enabled = gc.isenabled()
    yield
    (gc.enable if enabled else gc.disable)()


@pytest.mark.parametrize("before", [True, False])
def test_it_is_off_inside_and_as_it_was_after(before: bool) -> None:
    (gc.enable if before else gc.disable)()
    inside = []
    with suppress(KeyError), without_gc():
        inside.append(gc.isenabled())
        raise KeyError
    assert inside == [False]
    assert gc.isenabled() is before


def test_one_inside_another_changes_nothing() -> None:
    gc.enable()
    with without_gc():
        with without_gc():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
