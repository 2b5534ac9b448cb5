"""A verdict holds when nothing in it is an error."""

from __future__ import annotations

import pickle

import pytest

from meshc.diagnostics import Diagnostic
from meshc.topology.proof.verdict import Verdict


@pytest.mark.parametrize(
    ("codes", "holds"), [((), True), (("W418", "I151"), True), (("W418", "E400"), False)]
)
def test_only_errors_count(codes: tuple[str, ...], holds: bool) -> None:
    findings = tuple(Diagnostic(code, "m") for code in codes)
    verdict = Verdict({4: (6, 6, 4)}, {("a", "b"): ("a", "b")}, findings)
    assert verdict.holds is holds
    assert pickle.loads(pickle.dumps(verdict)) == verdict
