"""What `./dev test` runs a second time, and what not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.second_try import MOST

ROOT = Path(__file__).resolve().parent.parent
_HEAD = "import pytest\n"
_ROOT = "@pytest.mark.root\n"


def tried_again(home: Path, source: str, *options: str) -> list[str]:
    """The names that a run of these tests hands over."""
    (home / "test_some.py").write_text(_HEAD + source)
    (home / "pytest.ini").write_text("[pytest]\nmarkers = root\n")
    file = home / "again"
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "tests.support.second_try",
            *options,
            "test_some.py",
        ],
        cwd=home,
        env=os.environ | {"MESHC_TEST_AGAIN": str(file), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )
    return [line.rpartition("::")[2] for line in file.read_text().splitlines()]


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "beside"])
def test_tests_of_real_machines(tmp_path: Path, options: tuple[str, ...]) -> None:
    marks = f"{_ROOT}@pytest.mark.parametrize('a', ['x y', '[z]'])\n"
    source = f"{marks}def test_a(a):\n  assert a == 'x y'\n"
    assert tried_again(tmp_path, source, *options) == ["test_a[[z]]"]


def test_nothing_where_a_test_failed_that_waits_for_nobody(tmp_path: Path) -> None:
    source = f"{_ROOT}def test_a():\n  assert 0\ndef test_b():\n  assert 0\n"
    assert tried_again(tmp_path, source) == []


def test_nothing_where_many_failed(tmp_path: Path) -> None:
    test = f"{_ROOT}@pytest.mark.parametrize('n', range({{}}))\ndef test_a(n):\n  assert 0\n"
    assert len(tried_again(tmp_path, test.format(MOST))) == MOST
    assert tried_again(tmp_path, test.format(MOST + 1)) == []


def test_nothing_where_a_file_cannot_be_read(tmp_path: Path) -> None:
    assert tried_again(tmp_path, f"{_ROOT}def test_a():\n  assert 0\nraise OSError\n") == []
