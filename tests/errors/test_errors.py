"""Every diagnostic of the language has a file that earns it, and its exact text.

`CODE-name.yaml` is the topology, `CODE-name.txt` what is printed about it. New texts:
`pytest tests/errors --update-golden`, then read the difference.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from meshc.build.check import check_text
from meshc.diagnostics import Diagnostic, Diagnostics
from meshc.diagnostics.language_codes import LANGUAGE_CODES
from meshc.render.report.text import format_findings
from meshc.topology.language.load import load_spec

HERE = Path(__file__).parent
CASES = sorted(HERE.glob("*.yaml"))


def findings(path: Path) -> list[Diagnostic]:
    """Cases of the language go through the language only, others the whole way: of those, the
    findings with the code in the name."""
    data = path.read_bytes()
    code = path.stem.split("-")[0]
    if code[1:].isdigit() and code[1] != "1":
        return [found for found in check_text(data, file=path.name).findings if found.code == code]
    diagnostics = Diagnostics()
    load_spec(data, file=path.name, diagnostics=diagnostics)
    return list(diagnostics)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_exact_text(path: Path, pytestconfig: pytest.Config) -> None:
    text = format_findings(findings(path))
    golden = path.with_suffix(".txt")
    if pytestconfig.getoption("--update-golden"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_code_in_the_name_is_found_at_a_place_in_the_file(path: Path) -> None:
    lines = path.read_bytes().count(b"\n") + 1
    found = findings(path)
    assert found
    assert all(item.location and item.location.line <= lines and item.message for item in found)
    code = path.stem.split("-")[0]
    if code != "ten":
        assert code in {item.code for item in found}


def test_every_code_of_the_language_has_a_case() -> None:
    covered = {path.stem.split("-")[0] for path in CASES}
    without = {code.id for code in LANGUAGE_CODES} - covered
    assert without == {"E109"}, "only a file that cannot be opened has no text"


def test_ten_mistakes_are_ten_findings_each_at_its_line() -> None:
    checked = check_text((HERE / "ten-mistakes.yaml").read_bytes(), file="ten.yaml")
    errors = [found for found in checked.findings if found.code[0] == "E"]
    places = [(found.location.line, found.code) for found in errors if found.location]
    assert places == [
        (5, "E110"),
        (7, "E113"),
        (9, "E118"),
        (10, "E130"),
        (11, "E103"),
        (12, "E131"),
        (13, "E115"),
        (14, "E117"),
        (15, "E112"),
        (15, "E120"),
        (17, "E130"),
    ]
