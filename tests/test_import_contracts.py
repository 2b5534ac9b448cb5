"""The contracts of pyproject.toml hold, and notice an import that they forbid."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = "imports go down the floors of ARCHITECTURE.md"
INSIDE = "inside topology: the planner and the proof do not know each other"
SPEC_ONLY = "of the language, the proof knows the Spec only"
IMPORTER = "the importer reads files alone, and knows nothing of the language"
PLANTED = {
    "proof/walk.py, the planner": (INSIDE, "proof.walk", "meshc.topology.planner.mtu"),
    "proof/walk.py, in annotations": (SPEC_ONLY, "proof.walk", "meshc.topology.language.wording"),
    "proof/fib.py, the renderer": (FLOORS, "proof.fib", "meshc.render.hosts"),
    "proof/fib.py, the build": (FLOORS, "proof.fib", "meshc.build.workspace"),
    "proof/verdict.py, the resolver": (
        SPEC_ONLY,
        "proof.verdict",
        "meshc.topology.language.resolve.resolver",
    ),
    "importer": (IMPORTER, "importer.node_names", "meshc.topology.language.spec"),
}


def contracts(cwd: Path) -> str:
    program = "from importlinter.cli import lint_imports_command as run; run()"
    done = subprocess.run(
        [sys.executable, "-c", program, "--no-cache"], cwd=cwd, capture_output=True, text=True
    )
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What is said about a copy with all of these imports in it."""
    copy = tmp_path_factory.mktemp("planted")
    shutil.copytree(ROOT / "meshc", copy / "meshc", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    for _, at, wanted in PLANTED.values():
        file = copy / "meshc/topology" / f"{at.replace('.', '/')}.py"
        with file.open("a", encoding="utf-8") as text:
            text.write(f"\nif TYPE_CHECKING:\n    import {wanted}\n")
    (copy / "meshc/upstairs.py").write_text("")
    return contracts(copy)


def test_all_of_them_hold() -> None:
    assert " 0 broken." in contracts(ROOT)


@pytest.mark.parametrize("name", PLANTED)
def test_an_import_that_is_forbidden_is_noticed(planted: str, name: str) -> None:
    contract, at, wanted = PLANTED[name]
    assert f"{contract} BROKEN" in planted
    assert f"meshc.topology.{at} -> {wanted}" in planted


def test_a_package_without_a_floor_is_noticed(planted: str) -> None:
    assert "upstairs" in planted
