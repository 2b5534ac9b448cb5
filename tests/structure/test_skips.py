"""In CI a missing tool fails its tests instead of hiding them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.structure.source_tree import ROOT
from tests.support.skips import is_error


@pytest.mark.parametrize(
    ("reason", "ci", "error"),
    [
        ("Skipped: needs wg", "true", True),
        ("Skipped: nft is not installed", "true", True),
        ("Skipped: needs wg", "", False),
        ("Skipped: needs wg", "false", False),
        ("Skipped: needs root", "true", False),
    ],
)
def test_a_missing_tool_is_an_error_in_ci_only(reason: str, ci: str, error: bool) -> None:
    assert is_error(reason, {"CI": ci}) is error


@pytest.mark.parametrize(("ci", "code"), [("true", 1), ("", 0)])
def test_pytest_without_a_tool(ci: str, code: int) -> None:
    """Run for real, where no program is found."""
    test = "tests/keystore/test_key_files.py"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test, "-k", "wg_pubkey"],
        cwd=ROOT,
        env={**os.environ, "CI": ci, "PATH": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "needs wg" in done.stdout
