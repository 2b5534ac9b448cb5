"""The value behind the formats."""

from __future__ import annotations

import pytest

from meshc.diagnostics import Diagnostic, Location
from meshc.render.report import FORMATS, Case, Report, render

ERROR = Diagnostic("E110", "unknown key 'x'", Location("a.yaml", 3, 5), "nodes.x", "did you mean")
WARNING = Diagnostic("W140", "host bits", Location("b.yaml", 1, 1))
REMARK = Diagnostic("I151", "unused")


@pytest.mark.parametrize(
    ("findings", "strict", "failed"),
    [
        ((), False, False),
        ((ERROR,), False, True),
        ((WARNING, REMARK), False, False),
        ((WARNING,), True, True),
        ((REMARK,), True, False),
    ],
)
def test_what_fails(findings: tuple[Diagnostic, ...], strict: bool, failed: bool) -> None:
    assert Report(("a.yaml",), findings, strict).failed == failed


def test_a_case_with_a_fault_fails() -> None:
    assert Report(("a",), (), cases=(Case("ping", "a", "lost"),)).failed
    assert not Report(("a",), (), cases=(Case("ping", "a"),)).failed


def test_findings_without_a_place_belong_to_the_first_file() -> None:
    report = Report(("a.yaml", "b.yaml"), (ERROR, WARNING, REMARK))
    assert report.of_file("a.yaml") == (ERROR, REMARK)
    assert report.of_file("b.yaml") == (WARNING,)


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_there(form: str) -> None:
    assert isinstance(render(Report(("a.yaml",), (ERROR,)), form), str)


def test_an_unknown_format_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="unknown format"):
        render(Report((), ()), "../x")
