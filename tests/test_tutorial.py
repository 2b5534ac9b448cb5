"""The tutorial, done: its files are written, its commands run in their order, and what it shows of
their output is there."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from meshc.cli import main

PAGE = Path(__file__).resolve().parent.parent / "docs" / "tutorial.md"
BLOCKS = re.findall(r"^```(yaml|sh|text)\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)


def test_the_tutorial_can_be_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    ran, said = 0, ""
    for kind, block in BLOCKS:
        if kind == "yaml":
            Path("mesh.yaml").write_text(block, encoding="utf-8")
        elif kind == "text":
            assert [line for line in block.splitlines() if line not in said] == [], said
        else:
            said = ""
            for line in block.splitlines():
                code = int(found[1]) if (found := re.search(r"# exit code (\d)", line)) else 0
                program, *words = shlex.split(line, comments=True)
                assert program == "meshc"
                done = CliRunner().invoke(main, words)
                said += done.output + capfd.readouterr().out
                assert done.exit_code == code, f"{line}\n{said}"
                ran += 1
    assert ran == len(re.findall(r"^meshc ", PAGE.read_text("utf-8"), re.M)) > 8
    assert {"mesh.lock", "mesh.html", "phone.png", "build", "keys"} <= {
        path.name for path in tmp_path.iterdir()
    }


def test_what_it_leaves_is_a_network_that_git_keeps_no_secret_of(tmp_path: Path) -> None:
    """As the page says of `keys/` and `build/`."""
    (tmp_path / "mesh.yaml").write_text([b for kind, b in BLOCKS if kind == "yaml"][-1])
    assert CliRunner().invoke(main, ["build", str(tmp_path / "mesh.yaml")]).exit_code == 0
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    listed = subprocess.run(
        ["git", "-C", tmp_path, "ls-files", "--others", "--exclude-standard"],
        check=True, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    assert listed == ["mesh.lock", "mesh.yaml"]
