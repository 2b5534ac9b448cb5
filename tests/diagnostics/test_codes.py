"""One catalogue of all codes: a number is one rule."""

from __future__ import annotations

import pytest

from meshc.diagnostics.code import Code
from meshc.diagnostics.codes import CODES, _catalogue


def test_they_are_in_the_order_of_their_numbers() -> None:
    numbers = [int(code[1:]) for code in CODES]
    assert numbers == sorted(set(numbers))
    assert {code[0] for code in CODES} == {"E", "W", "I"}


@pytest.mark.parametrize("second", ["E100", "W100"])
def test_a_number_cannot_be_given_twice(second: str) -> None:
    with pytest.raises(AssertionError):
        _catalogue(Code("E100", "one", "."), Code(second, "two", "."))
