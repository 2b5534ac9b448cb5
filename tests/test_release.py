"""`./dev release`: what it refuses and writes. The whole of it is `./dev release --dry-run`."""

from __future__ import annotations

import datetime
import io
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from release.release import (
    NotReadyError,
    check_contents,
    check_tree,
    dated,
    notes,
    write_hashes,
)

CHANGELOG = "# Changelog\n\n## Unreleased\n\n- a thing\n\n## 0.1.0 (2026-01-02)\n\n- first\n"


def test_a_version_is_released_once_and_with_something_new() -> None:
    assert notes(CHANGELOG, "0.2.0") == "- a thing"
    with pytest.raises(NotReadyError, match=r"has 0\.1\.0 already"):
        notes(CHANGELOG, "0.1.0")
    with pytest.raises(NotReadyError, match="nothing under"):
        notes(CHANGELOG.replace("- a thing", ""), "0.2.0")


def test_the_changelog_says_when() -> None:
    text = dated(CHANGELOG, "0.2.0", datetime.date(2026, 3, 4))
    assert "## Unreleased\n\n## 0.2.0 (2026-03-04)\n\n- a thing\n" in text
    with pytest.raises(NotReadyError):
        notes(text, "0.3.0")


def test_what_is_not_committed_or_tagged_already_is_refused(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        who = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
        subprocess.run(["git", "-C", tmp_path, *who, *words], check=True, capture_output=True)

    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "first")
    check_tree("0.2.0", tmp_path)
    (tmp_path / "new").touch()
    with pytest.raises(NotReadyError, match="not committed"):
        check_tree("0.2.0", tmp_path)
    (tmp_path / "new").unlink()
    git("tag", "v0.2.0")
    with pytest.raises(NotReadyError, match="tag v0"):
        check_tree("0.2.0", tmp_path)


def test_files_without_what_a_stranger_needs_are_refused(tmp_path: Path) -> None:
    def pack(pages: bool, tutorial: bool) -> None:
        with zipfile.ZipFile(tmp_path / "meshc-1-py3-none-any.whl", "w") as wheel:
            wheel.writestr("meshc/cli/build.py", "")
            if pages:
                wheel.writestr("meshc-1.data/data/share/man/man1/meshc.1", "")
        with tarfile.open(tmp_path / "meshc-1.tar.gz", "w:gz") as sdist:
            names = ["meshc/cli/build.py", "README.md", "LICENSE"]
            for name in [*names, *["docs/tutorial.md"] * tutorial]:
                sdist.addfile(tarfile.TarInfo(f"meshc-1/{name}"), io.BytesIO())

    pack(pages=True, tutorial=True)
    check_contents(tmp_path, "1")
    pack(pages=False, tutorial=True)
    with pytest.raises(NotReadyError, match=r"whl lacks .*man1/meshc\.1"):
        check_contents(tmp_path, "1")
    pack(pages=True, tutorial=False)
    with pytest.raises(NotReadyError, match=r"gz lacks docs/tutorial\.md"):
        check_contents(tmp_path, "1")


def test_sha256sum_checks_the_hashes(tmp_path: Path) -> None:
    (tmp_path / "a.whl").write_text("a")
    (tmp_path / "site").mkdir()
    assert write_hashes(tmp_path) == write_hashes(tmp_path) == tmp_path / "SHA256SUMS"
    check = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    done = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "a.whl: OK\n")
