"""The codes of the proof say something useful."""

from __future__ import annotations

from meshc.diagnostics.proof_codes import PROOF_CODES
from tests.support.catalogue import check_table


def test_each_is_explained() -> None:
    check_table(PROOF_CODES, 400, 499)
