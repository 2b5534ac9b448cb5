"""`meshc validate` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from meshc.cli import main
from meshc.diagnostics import CODES

GOOD = "meshc: 1\nnetwork: {name: demo, addresses: 10.44.0.0/24}\nnodes: {a: {endpoint: a.net}}\n"
WARNED = GOOD.replace("10.44.0.0/24", "10.44.0.1/24")
WRONG = GOOD.replace("endpoint", "endpont")


def run(*arguments: str, stdin: str | bytes | None = None) -> Result:
    result = CliRunner().invoke(main, ["validate", *arguments], input=stdin)
    if result.exception is not None:
        assert isinstance(result.exception, SystemExit), result.output
    return result


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in (("good", GOOD), ("warned", WARNED), ("wrong", WRONG), ("broken", "a: [")):
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["good.yaml"], 0),
        (["warned.yaml"], 0),
        (["--strict", "warned.yaml"], 1),
        (["--strict", "good.yaml"], 0),
        (["wrong.yaml"], 1),
        (["good.yaml", "wrong.yaml"], 1),
        (["broken.yaml"], 2),
        (["good.yaml", "absent.yaml"], 2),
        (["."], 2),
        ([], 2),
        (["--format", "xml", "good.yaml"], 2),
    ],
)
@pytest.mark.parametrize("form", ["text", "json", "sarif", "junit", "github"])
def test_exit_codes(arguments: list[str], code: int, form: str) -> None:
    assert run("--format", form, *arguments).exit_code == code


@pytest.mark.usefixtures("folder")
def test_text_names_the_place_the_mistake_and_the_way_out() -> None:
    assert run("wrong.yaml").output == (
        "wrong.yaml:3:13: E110 unknown key\n"
        "   nodes.a.endpont: unknown key 'endpont'\n"
        "   hint: did you mean 'endpoint'?   (meshc validate --explain E110)\n"
        "1 file: 1 error\n"
    )


def test_standard_input() -> None:
    result = run("--format", "json", "-", stdin=WRONG)
    assert result.exit_code == 1
    (found,) = json.loads(result.output)["findings"]
    assert (found["file"], found["line"], found["code"]) == ("<stdin>", 3, "E110")


@pytest.mark.usefixtures("folder")
def test_a_file_named_twice_is_checked_once() -> None:
    assert json.loads(run("--format", "json", "good.yaml", "good.yaml").output)["files"] == [
        "good.yaml"
    ]


@pytest.mark.parametrize("word", ["E110", "e110", "110", " E110 "])
def test_explain(word: str) -> None:
    result = run("--explain", word)
    assert result.exit_code == 0
    assert result.output.startswith("E110 unknown key (error)\n\n")


def test_explain_an_unknown_code() -> None:
    result = run("--explain", "EE110")
    assert result.exit_code == 2
    assert "did you mean 'E110'?" in result.output


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_can_be_explained(code: str) -> None:
    result = run("--explain", code)
    assert result.exit_code == 0
    assert len(result.output) > 60
