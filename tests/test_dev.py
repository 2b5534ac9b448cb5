"""`./dev`: the project's own verbs."""

from __future__ import annotations

import subprocess
from pathlib import Path

DEV = Path(__file__).resolve().parent.parent / "dev"


def test_run_works_where_the_caller_stands(tmp_path: Path) -> None:
    """A file that is named there is written there, not into the checkout."""
    done = subprocess.run(
        [str(DEV), "run", "init", "net.yaml"],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "net.yaml").is_file()
    assert not (DEV.parent / "net.yaml").exists()
