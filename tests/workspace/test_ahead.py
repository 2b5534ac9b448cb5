"""A forked producer: values in order, errors here, no process left."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing

import pytest

from meshc.diagnostics import Diagnostic
from meshc.errors import Refused, StateError
from meshc.workspace.ahead import Ahead


def no_children() -> bool:
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return True
    return False


def test_values_come_in_order_from_another_process() -> None:
    with closing(Ahead(lambda: iter([(n, os.getpid()) for n in range(2000)]))) as stream:
        values = list(stream)
    assert [n for n, _ in values] == list(range(2000))
    assert values[0][1] != os.getpid()
    assert no_children()


def test_an_error_of_the_producer_is_raised_here() -> None:
    refusal = Refused([Diagnostic("E510", "no", hint="yes")])

    def produce() -> Iterator[int]:
        yield 1
        raise refusal

    with closing(Ahead(produce)) as stream:
        values = iter(stream)
        assert next(values) == 1
        with pytest.raises(Refused) as caught:
            next(values)
    assert caught.value.diagnostics == refusal.diagnostics
    assert no_children()


def test_a_hint_survives_the_way() -> None:
    def produce() -> Iterator[int]:
        raise StateError("in the way", hint="move it")
        yield 1

    with closing(Ahead(produce)) as stream, pytest.raises(StateError) as caught:
        list(stream)
    assert caught.value.hint == "move it"


def test_an_error_that_cannot_travel_says_what_it_was() -> None:
    def produce() -> Iterator[int]:
        class Local(Exception):
            pass

        raise Local("strange")
        yield 1

    with closing(Ahead(produce)) as stream, pytest.raises(RuntimeError, match="Local: strange"):
        list(stream)


def test_a_producer_that_dies_is_noticed() -> None:
    def produce() -> Iterator[int]:
        os._exit(9)
        yield 1

    with closing(Ahead(produce)) as stream, pytest.raises(RuntimeError, match="has died"):
        list(stream)
    assert no_children()


def test_closing_early_leaves_no_process() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield bytes(100_000)

    with closing(Ahead(endless)) as stream:
        assert next(iter(stream)) == bytes(100_000)
    stream.close()
    assert no_children()
