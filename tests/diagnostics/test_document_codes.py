"""The catalogue of the document says something useful about every code."""

from __future__ import annotations

import pytest

from meshc.diagnostics.code import Code
from meshc.diagnostics.document_codes import DOCUMENT_CODES


@pytest.mark.parametrize("code", DOCUMENT_CODES, ids=lambda code: code.id)
def test_a_code_is_explained(code: Code) -> None:
    assert 100 <= int(code.id[1:]) < 130
    assert len(code.title) < 45
    assert code.title[0] == code.title[0].lower() or code.title.startswith(("YAML", "LAN", "MTU"))
    assert code.explanation.endswith(".")
    assert len(code.explanation) > 100
    assert code.explanation.count(". ") >= 1 or code.id == "E109"
    assert "  " not in code.explanation


def test_codes_are_in_order() -> None:
    numbers = [int(code.id[1:]) for code in DOCUMENT_CODES]
    assert numbers == sorted(set(numbers))
