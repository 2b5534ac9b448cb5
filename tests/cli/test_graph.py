"""`meshc graph` and `meshc qr` as people run them."""

from __future__ import annotations

import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from meshc.build.pipeline import compile_file
from meshc.cli import main
from tests.test_examples import prepared

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
]


@pytest.mark.parametrize(
    ("suffix", "start"),
    [("mmd", "flowchart"), ("dot", "graph"), ("svg", "<svg"), ("html", "<!doctype html>")],
)
def test_the_suffix_chooses_the_format(tmp_path: Path, suffix: str, start: str) -> None:
    file, picture = prepared("relay", tmp_path), tmp_path / f"mesh.{suffix}"
    result = CliRunner().invoke(main, ["graph", str(file), "-o", str(picture)])
    assert result.exit_code == 0, result.output
    assert picture.read_text().startswith(start)


def test_a_picture_needs_no_key_and_makes_none(tmp_path: Path) -> None:
    file = prepared("relay", tmp_path)
    shutil.rmtree(tmp_path / "keys")
    assert CliRunner().invoke(main, ["graph", str(file)]).exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mesh.lock", "mesh.yaml"]


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
@pytest.mark.slow
@pytest.mark.parametrize("example", ["relay", "large"])
def test_the_page_opens_in_a_browser_without_an_error(tmp_path: Path, example: str) -> None:
    file, page = prepared(example, tmp_path), tmp_path / "mesh.html"
    assert CliRunner().invoke(main, ["graph", str(file), "-o", str(page)]).exit_code == 0
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]
    done = subprocess.run(
        [*command, page.as_uri()], capture_output=True, text=True, check=False, timeout=120
    )
    assert "CONSOLE" not in done.stderr
    assert "Click a node, then point at another" in done.stdout


def test_a_code_on_disk_is_for_its_owner_only(tmp_path: Path) -> None:
    file, picture = prepared("relay", tmp_path), tmp_path / "phone.png"
    compile_file(file)
    result = CliRunner().invoke(main, ["qr", str(file), "phone", "-o", str(picture)])
    assert result.exit_code == 0, result.output
    assert stat.S_IMODE(picture.stat().st_mode) == 0o600


def test_a_code_of_an_unknown_node_names_a_near_one(tmp_path: Path) -> None:
    file = prepared("relay", tmp_path)
    compile_file(file)
    result = CliRunner().invoke(main, ["qr", str(file), "phon"])
    assert result.exit_code == 2
    assert "did you mean phone?" in result.output


def test_a_code_needs_a_build(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["qr", str(prepared("relay", tmp_path)), "phone"])
    assert result.exit_code == 2
    assert "build it first: meshc build" in result.output


def test_too_large_a_code_says_what_to_drop(tmp_path: Path) -> None:
    file = prepared("large", tmp_path)
    compile_file(file)
    result = CliRunner().invoke(main, ["qr", str(file), "relay-asia"])
    assert result.exit_code == 1
    assert "E500 the configuration of relay-asia has" in result.output
    assert "hint: " in result.output
