"""The codes of policies say something useful."""

from __future__ import annotations

from meshc.diagnostics.policy_codes import POLICY_CODES
from tests.support.catalogue import check_table


def test_each_is_explained() -> None:
    check_table(POLICY_CODES, 170, 179)
