"""Manual pages: one for each command, which roff(7) takes without a complaint."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from meshc.cli import COMMANDS
from release.manual import make


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("man") / "man1"
    make(place)
    return place


def test_every_command_has_a_page_of_its_own(made: Path) -> None:
    names = {path.name for path in made.iterdir()}
    assert {"meshc.1", "meshc-keys-rotate.1"} <= names
    assert {f"meshc-{name}.1" for name in COMMANDS} <= names


def test_a_page_says_what_help_says(made: Path) -> None:
    text = (made / "meshc-explain.1").read_text()
    assert ".B \\-\\-port SERVICE\nOf one service: tcp/443, udp/53, icmp.\n" in text
    assert ".SH EXAMPLES\n" in text
    assert "meshc explain mesh.yaml phone home\\-server" in text
    assert ".BR meshc (1)\n" in text


def test_no_line_begins_as_a_command_that_it_is_not(made: Path) -> None:
    """roff(7) takes a dot or an apostrophe at the beginning for one."""
    known = (".TH ", ".SH ", ".TP", ".B ", ".BR ", ".PP", ".nf", ".fi")
    lines = [line for path in made.iterdir() for line in path.read_text().split("\n")]
    assert [line for line in lines if line[:1] in (".", "'") and not line.startswith(known)] == []
    assert all(line.isascii() for line in lines)
    if shutil.which("groff"):
        command = ["groff", "-man", "-ww", "-Tutf8", "-Z", *map(str, sorted(made.iterdir()))]
        assert subprocess.run(command, capture_output=True, text=True).stderr == ""
