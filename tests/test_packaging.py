"""The built wheel works in an empty environment, away from the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from meshc import __version__

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = sorted(path.parent.name for path in (ROOT / "examples/topologies").glob("*/mesh.yaml"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    subprocess.run([*command, str(ROOT)], check=True, capture_output=True, timeout=300)
    (found,) = folder.glob("meshc-*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of an environment that holds the wheel and its locked dependencies."""
    home = tmp_path_factory.mktemp("empty") / "env"
    lock = str(ROOT / "requirements-run.lock")
    if uv := shutil.which("uv"):
        python = ["--python", str(home / "bin/python")]
        steps = [
            [uv, "venv", "-q", "--python", sys.executable, str(home)],
            [uv, "pip", "install", "-q", *python, "--require-hashes", "-r", lock],
            [uv, "pip", "install", "-q", *python, "--no-deps", str(wheel)],
        ]
    else:
        venv.create(home, with_pip=True)
        pip = [str(home / "bin/python"), "-m", "pip", "install", "-q", "--no-compile"]
        steps = [[*pip, "--require-hashes", "-r", lock], [*pip, "--no-deps", str(wheel)]]
    for step in steps:
        subprocess.run(step, check=True, capture_output=True, timeout=600)
    return home / "bin"


def test_the_wheel_carries_every_template(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    templates = [p for p in (ROOT / "templates").rglob("*") if p.is_file()]
    assert templates
    paths = [f"meshc/_templates/{t.relative_to(ROOT / 'templates')}" for t in templates]
    missing = [path for path in paths if path not in names]
    assert missing == []
    assert "meshc/py.typed" in names
    assert "meshc/requirements-run.lock" in names


def test_the_wheel_carries_manual_pages(wheel: Path) -> None:
    names = {name.partition("/")[2] for name in zipfile.ZipFile(wheel).namelist()}
    assert {"data/share/man/man1/meshc.1", "data/share/man/man1/meshc-keys-rotate.1"} <= names


def test_the_installed_wheel_can_be_packed_for_a_node(installed: Path) -> None:
    """A release is told by its version, is whole without a checkout, and has its lock with it."""
    script = (
        "from meshc.deploy.bundle import archive, bundle\n"
        "found = bundle()\n"
        "print(found.version, 'meshc/_templates/openwrt.sh.j2' in found.own,"
        " 'click/__init__.py' in found.required, 'numpy==' in found.locked(),"
        " len(archive(whole=False).content) > 1000)"
    )
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    said = subprocess.run(
        [str(installed / "python"), "-c", script],
        cwd=installed,
        env=clean,
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == f"{__version__} True True True True\n"


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_the_installed_wheel_builds_the_examples(
    installed: Path, tmp_path: Path, name: str
) -> None:
    shutil.copy(ROOT / "examples/topologies" / name / "mesh.yaml", tmp_path)
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    result = subprocess.run(
        [str(installed / "meshc"), "build", "mesh.yaml"],
        cwd=tmp_path,
        env=clean,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "build" / "manifest.json").is_file()
    assert list((tmp_path / "build").glob("*/*.conf"))
