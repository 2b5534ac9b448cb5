"""A case that is a topology has its mended form in `tests/mended`: what the page of its code in the
documentation shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshc.build.check import check_text
from meshc.diagnostics import Severity

HERE = Path(__file__).parent
MENDED = sorted((HERE.parent / "mended").glob("*.yaml"))
assert MENDED, "nothing is mended"


@pytest.mark.parametrize("path", MENDED, ids=lambda path: path.stem)
def test_what_is_mended_has_no_error_and_not_its_code(path: Path) -> None:
    found = check_text(path.read_bytes(), file=path.name).findings
    assert [one for one in found if one.severity is Severity.ERROR] == []
    assert path.stem.partition("-")[0] not in {one.code for one in found}
