"""The codes of the lab say something useful."""

from __future__ import annotations

from meshc.diagnostics.lab_codes import LAB_CODES
from tests.support.catalogue import check_table


def test_each_is_explained() -> None:
    check_table(LAB_CODES, 800, 899)
