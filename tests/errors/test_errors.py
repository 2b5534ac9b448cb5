"""Every diagnostic has a case that earns it, and its exact text.

`CODE-name.yaml` is a topology, `CODE-name.txt` what is printed about it. What no topology alone can
earn lies in the directory of its kind: `tests/support/error_kinds.py` says what is done there. New
texts: `pytest tests/errors --update-golden`, then read the difference.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from meshc.build.check import check_text
from meshc.build.topology_file import files_beside
from meshc.diagnostics import CODES, Diagnostic, Diagnostics
from meshc.render.report.text import format_findings
from meshc.topology.language.load import load_spec
from tests.support.error_kinds import KINDS, said

HERE = Path(__file__).parent
CASES = sorted(HERE.glob("*.yaml"))
OTHERS = sorted(HERE.glob("*/*.yaml"))
assert CASES, "no topology"
assert OTHERS, "no case of another kind"


def findings(path: Path) -> list[Diagnostic]:
    """Cases of the language go through the language only, others the whole way: of those, the
    findings with the code in the name."""
    data = path.read_bytes()
    code = path.stem.split("-")[0]
    if code[1:].isdigit() and code[1] != "1":
        return [found for found in check_text(data, file=path.name).findings if found.code == code]
    diagnostics = Diagnostics()
    load_spec(
        data,
        file=path.name,
        diagnostics=diagnostics,
        opened=files_beside(HERE),
        today="2027-02-01",
    )
    return list(diagnostics)


def compare(text: str, golden: Path, config: pytest.Config) -> None:
    if config.getoption("--update-golden"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_exact_text(path: Path, pytestconfig: pytest.Config) -> None:
    compare(format_findings(findings(path)), path.with_suffix(".txt"), pytestconfig)


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_exact_text_of_what_happened(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    monkeypatch.chdir(tmp_path)
    text = said(path)
    assert path.stem.partition("-")[0] in text
    compare(text, path.with_suffix(".txt"), pytestconfig)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_code_in_the_name_is_found_at_a_place_in_the_file(path: Path) -> None:
    lines = path.read_bytes().count(b"\n") + 1
    found = findings(path)
    assert found
    assert all(item.location and item.location.line <= lines and item.message for item in found)
    code = path.stem.split("-")[0]
    if code != "ten":
        assert code in {item.code for item in found}


def test_every_code_has_a_case() -> None:
    covered = {path.stem.partition("-")[0] for path in (*CASES, *OTHERS)} - {"ten"}
    assert covered == set(CODES)


def test_every_text_has_its_case_and_every_directory_its_kind() -> None:
    texts = {path.with_suffix("") for path in HERE.rglob("*.txt")}
    assert texts == {path.with_suffix("") for path in (*CASES, *OTHERS)}
    assert {path.parent.name for path in OTHERS} == {*KINDS, "qr"}


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
