"""One finding: where it is, how much it matters, and the order of several."""

from __future__ import annotations

from meshc.diagnostics.code import Severity
from meshc.diagnostics.diagnostic import Diagnostic, Location


def test_the_code_says_how_much_it_matters() -> None:
    severities = [Diagnostic(code, "m").severity for code in ("E110", "W140", "I151")]
    assert severities == [Severity.ERROR, Severity.WARNING, Severity.INFO]


def test_a_location_is_written_as_editors_want_it() -> None:
    assert str(Location("mesh.yaml", 3, 7)) == "mesh.yaml:3:7"


def test_findings_are_in_the_order_of_the_file_those_without_a_place_first() -> None:
    placed = [Diagnostic("E110", "m", Location("f", line, 1)) for line in (10, 9)]
    nowhere = Diagnostic("W140", "m")
    assert sorted([*placed, nowhere], key=Diagnostic.sort_key) == [nowhere, placed[1], placed[0]]
