"""The program as a process: what it printed has arrived when it ends, whichever way."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

MESH = """\
meshc: 1
network: {name: test, addresses: 10.44.0.0/24}
nodes: {hub: {endpoint: hub.example-vpn.dev}, a: {}}
"""
MESHC = [sys.executable, "-m", "meshc"]


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*MESHC, *arguments], cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_build_ends_with_all_of_its_report(tmp_path: Path) -> None:
    (tmp_path / "mesh.yaml").write_text(MESH)
    done = run("build", "mesh.yaml", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith("  meshc graph mesh.yaml")


def test_a_build_that_is_refused_says_so_in_its_exit_code(tmp_path: Path) -> None:
    (tmp_path / "mesh.yaml").write_text(MESH.replace("hub: ", "a: "))
    assert run("build", "mesh.yaml", cwd=tmp_path).returncode == 1
    assert run("build", "missing.yaml", cwd=tmp_path).returncode == 2
    assert run("build", "--nonsense", cwd=tmp_path).returncode == 2


def test_a_reader_that_has_gone_is_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "mesh.yaml").write_text(MESH)
    with subprocess.Popen(
        [*MESHC, "build", "mesh.yaml"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1
