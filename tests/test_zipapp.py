"""`meshc.pyz`: one file that runs where the same Python is, away from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# the interpreter without the environment of these tests
PYTHON = getattr(sys, "_base_executable", sys.executable)
MAKE = "import pathlib, sys; from release.zipapp import make; make(pathlib.Path(sys.argv[1]), 0)"


@pytest.fixture(scope="module")
def zipapp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Not compressed, which takes longest."""
    made = tmp_path_factory.mktemp("zipapp") / "meshc.pyz"
    command = [sys.executable, "-c", MAKE, str(made)]
    subprocess.run(command, check=True, cwd=ROOT, timeout=300)
    return made


def run(zipapp: Path, home: Path, *args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "XDG_"))}
    return subprocess.run(
        [PYTHON, "-S", str(zipapp), *args],
        env={**clean, "HOME": str(home)},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.slow(20)
def test_it_builds_a_network_and_unpacks_once(zipapp: Path, tmp_path: Path) -> None:
    """Without site-packages; and not from a place where others may write."""
    topology = ROOT / "examples/topologies/relay/mesh.yaml"
    (tmp_path / "mesh.yaml").write_text(topology.read_text())
    done = run(zipapp, tmp_path, "build", "mesh.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "build/phone/wg0.conf").is_file()
    (place,) = (tmp_path / ".cache/meshc").iterdir()
    time = place.stat().st_mtime_ns
    assert run(zipapp, tmp_path, "--version", cwd=tmp_path).stdout.startswith("meshc")
    assert [one.stat().st_mtime_ns for one in place.parent.iterdir()] == [time]

    place.parent.chmod(0o777)
    refused = run(zipapp, tmp_path, "--version", cwd=tmp_path)
    assert refused.returncode == 1
    assert "others than its owner may write" in refused.stderr


def test_another_python_is_told_so(zipapp: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pyz"
    with zipfile.ZipFile(zipapp) as inside:
        start = inside.read("__main__.py").decode()
    with zipfile.ZipFile(other, "w") as out:
        out.writestr("__main__.py", start.replace('SOABI = "cpython-3', 'SOABI = "cpython-2'))
    refused = run(other, tmp_path, cwd=tmp_path)
    assert refused.returncode == 1
    assert "was made for another Python" in refused.stderr
    assert not (tmp_path / ".cache").exists()
