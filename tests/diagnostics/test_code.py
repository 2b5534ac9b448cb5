"""The letter of a code is how much its finding matters."""

from __future__ import annotations

import pytest

from meshc.diagnostics.code import Code, Severity


@pytest.mark.parametrize(
    ("letter", "severity"),
    [("E", Severity.ERROR), ("W", Severity.WARNING), ("I", Severity.INFO)],
)
def test_severity(letter: str, severity: Severity) -> None:
    assert Code(f"{letter}100", "a rule", "Why.").severity is severity


def test_no_other_letter_has_a_severity() -> None:
    with pytest.raises(KeyError):
        _ = Code("X100", "a rule", "Why.").severity
