"""What git would take: it is asked itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

from meshc.build.git_exposure import exposed


def test_a_file_outside_of_any_work_tree_is_not_exposed(tmp_path: Path) -> None:
    (tmp_path / "key").touch()
    assert not exposed(tmp_path / "key")


def test_a_file_in_a_work_tree_is_exposed_unless_it_is_ignored(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "build/a").mkdir(parents=True)
    (tmp_path / "build/a/wg0.conf").touch()
    assert exposed(tmp_path / "build/a/wg0.conf")
    assert exposed(tmp_path / "not-there-yet.png")
    (tmp_path / "build/.gitignore").write_text("*\n")
    assert not exposed(tmp_path / "build/a/wg0.conf")


def test_a_repository_runs_no_program_of_its_own(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "key").touch()
    hook = f"touch {tmp_path}/ran"
    subprocess.run(["git", "-C", str(tmp_path), "config", "core.fsmonitor", hook], check=True)
    assert exposed(tmp_path / "key")
    assert not (tmp_path / "ran").exists()
