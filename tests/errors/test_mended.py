"""Every case that is a topology has a mended one beside it in `tests/mended`: what the page of its
code in the documentation shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshc.build.check import check_text
from meshc.diagnostics import Severity

HERE = Path(__file__).parent
MENDED = sorted((HERE.parent / "mended").glob("*.yaml"))
assert MENDED, "nothing is mended"


def test_every_code_that_a_topology_earns_has_a_mended_file() -> None:
    earned = {path.stem.partition("-")[0] for path in HERE.glob("*.yaml")} - {"ten"}
    mended = [path.stem.partition("-")[0] for path in MENDED]
    assert sorted(mended) == sorted(earned)
    assert all((HERE / path.name).exists() for path in MENDED)


@pytest.mark.parametrize("path", MENDED, ids=lambda path: path.stem)
def test_what_is_mended_has_no_error_and_not_its_code(path: Path) -> None:
    found = check_text(path.read_bytes(), file=path.name).findings
    assert [one for one in found if one.severity is Severity.ERROR] == []
    assert path.stem.partition("-")[0] not in {one.code for one in found}
