"""Exceptions say what happened, and survive the way from another process."""

from __future__ import annotations

import pickle

import pytest

from meshc.diagnostics import Diagnostic
from meshc.errors import ConfError, MeshcError, NodeError, Refused, StateError


def test_a_refusal_names_all_of_its_findings() -> None:
    refused = Refused([Diagnostic("E110", "one"), Diagnostic("E111", "two")])
    assert str(refused) == "E110 one; E111 two"
    again = pickle.loads(pickle.dumps(refused))
    assert again.diagnostics == refused.diagnostics


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ({}, "bad"),
        ({"line": 3}, "line 3: bad"),
        ({"file": "wg0.conf", "line": 3}, "wg0.conf:3: bad"),
    ],
)
def test_a_fault_of_a_file_names_its_place(place: dict[str, object], text: str) -> None:
    assert str(ConfError("bad", **place)) == text  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [StateError, NodeError])
def test_a_hint_is_kept_beside_the_message(kind: type[StateError | NodeError]) -> None:
    error = kind("gone", hint="build it")
    assert (str(error), error.hint) == ("gone", "build it")
    assert isinstance(error, MeshcError)
