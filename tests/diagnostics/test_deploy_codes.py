"""The codes of deployment say something useful."""

from __future__ import annotations

from meshc.diagnostics.deploy_codes import DEPLOY_CODES
from tests.support.catalogue import check_table


def test_each_is_explained() -> None:
    check_table(DEPLOY_CODES, 700, 799)
