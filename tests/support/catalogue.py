"""What every table of codes promises to `meshc validate --explain`."""

from __future__ import annotations

from collections.abc import Sequence

from meshc.diagnostics import CODES, Code


def check_table(codes: Sequence[Code], first: int, last: int) -> None:
    """In order, in their range, in the catalogue, and each with a text that is of use."""
    numbers = [int(code.id[1:]) for code in codes]
    assert numbers == sorted(set(numbers))
    assert first <= numbers[0]
    assert numbers[-1] <= last
    for code in codes:
        assert CODES[code.id] == code
        assert len(code.title) < 50, code.id
        assert not code.title.endswith("."), code.id
        assert code.explanation.endswith((".", ".)")), code.id
        assert len(code.explanation) > 60, code.id
        assert "  " not in code.explanation, code.id
