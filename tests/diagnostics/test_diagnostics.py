"""The collector."""

from __future__ import annotations

import pytest

from meshc.diagnostics import Diagnostic, Diagnostics, Location
from meshc.errors import Refused


def test_a_finding_is_kept_once_and_all_are_sorted() -> None:
    found = Diagnostics()
    for line in (9, 3, 9):
        found.add("E110", "m", Location("f", line, 1))
    found.extend([Diagnostic("E110", "m", Location("f", 3, 1))])
    assert [item.location.line for item in found if item.location] == [3, 9]
    assert len(found) == 2


def test_only_errors_end_a_stage() -> None:
    found = Diagnostics()
    found.add("W140", "m")
    found.add("I151", "m")
    found.barrier()
    found.add("E110", "m")
    with pytest.raises(Refused, match="E110 m"):
        found.barrier()


def test_a_code_must_be_in_the_catalogue() -> None:
    with pytest.raises(KeyError):
        Diagnostics().add("E999", "m")


def test_a_collector_of_many_findings_stays_quick() -> None:
    """Looking every finding up in a list would take 20,000 squared steps."""
    found = Diagnostics()
    for line in range(20_000):
        found.add("E110", "m", Location("f", line, 1))
    assert len(found) == 20_000
