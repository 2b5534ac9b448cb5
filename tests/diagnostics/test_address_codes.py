"""The codes of addresses and the lock say something useful."""

from __future__ import annotations

from meshc.diagnostics.address_codes import ADDRESS_CODES
from tests.support.catalogue import check_table


def test_each_is_explained() -> None:
    check_table(ADDRESS_CODES, 300, 349)
