"""Completion: what a shell is offered, through the scripts that the shells load."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import get_completion_class
from click.testing import CliRunner

from meshc.cli import main
from meshc.cli.completion import SHELLS
from tests.support.workspaces import write_topology


def offered(line: str) -> list[tuple[str, str]]:
    """(kind, word) for a line of which the last word is not finished."""
    *words, last = line.split(" ")
    kind = get_completion_class("bash")
    assert kind is not None
    found = kind(main, {}, "meshc", "_MESHC_COMPLETE").get_completions(words[1:], last)
    return [(one.type, one.value) for one in found]


def names(line: str) -> list[str]:
    return [word for kind, word in offered(line) if kind == "plain"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_names_of_nodes_of_the_file_here_or_of_the_one_that_is_named(here: Path) -> None:
    file = write_topology(here)
    assert names("meshc explain ") == ["hub", "laptop", "phone"]
    assert names("meshc explain laptop ") == ["hub", "laptop", "phone"]
    assert names("meshc qr p") == ["phone"]
    (here / "sub").mkdir()
    file.rename(here / "sub/other.yaml")
    assert names("meshc explain sub/other.yaml la") == ["laptop"]
    assert names("meshc deploy sub/other.yaml h") == ["hub"]


def test_a_node_is_offered_once(here: Path) -> None:
    write_topology(here)
    assert names("meshc disable laptop ") == ["hub", "phone"]


def test_where_no_node_begins_so_it_may_be_the_file(here: Path) -> None:
    write_topology(here)
    assert offered("meshc explain mesh") == [("file", "mesh")]
    assert offered("meshc build me") == [("file", "me")]


def test_a_file_that_cannot_be_read_offers_nothing(here: Path) -> None:
    (here / "mesh.yaml").write_text("meshc: [")
    assert offered("meshc explain ") == [("file", "")]
    (here / "mesh.yaml").unlink()
    assert offered("meshc explain ") == [("file", "")]


def test_commands_and_options() -> None:
    assert names("meshc exp") == ["explain", "expire"]
    assert "--json" in names("meshc explain --")


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_of_each_shell(shell: str) -> None:
    said = CliRunner().invoke(main, ["completion", shell])
    assert said.exit_code == 0
    assert "_MESHC_COMPLETE" in said.output
    if shutil.which(shell):
        check = subprocess.run([shell, "-n"], input=said.output, text=True, capture_output=True)
        assert (check.returncode, check.stderr) == (0, "")


def test_bash_offers_what_it_is_told(here: Path) -> None:
    """The whole way: the script is loaded, and its function called as bash does."""
    write_topology(here)
    program = Path(sys.executable).parent / "meshc"
    script = CliRunner().invoke(main, ["completion", "bash"]).output
    ask = "COMP_WORDS=(meshc explain la); COMP_CWORD=2; _meshc_completion meshc"
    ask += "; echo ${COMPREPLY[@]}"
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    said = subprocess.run(
        ["bash", "-c", f"{script}\n{ask}"],
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "laptop\n", said.stderr
