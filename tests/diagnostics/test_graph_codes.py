"""The codes of the graph say something useful."""

from __future__ import annotations

from meshc.diagnostics.graph_codes import GRAPH_CODES
from tests.support.catalogue import check_table


def test_each_is_explained() -> None:
    check_table(GRAPH_CODES, 200, 299)
