"""The hooks that we offer for pre-commit: they run as they are written, on what is committed."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
HOOKS = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}


@pytest.mark.parametrize("name", ["meshc-validate", "meshc-verify"])
def test_a_hook_needs_no_committed_keys_and_finds_what_is_wrong(name: str, tmp_path: Path) -> None:
    file = tmp_path / "mesh.yaml"
    shutil.copy(ROOT / "examples/topologies/relay/mesh.yaml", file)
    program, *arguments = shlex.split(HOOKS[name]["entry"])
    assert program == "meshc"
    command = [sys.executable, "-m", "meshc", *arguments, str(file)]
    good = subprocess.run(command, capture_output=True, text=True, check=False)
    assert good.returncode == 0, good.stdout + good.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mesh.yaml"]
    file.write_text(file.read_text() + "  - {from: phone, to: laptop, expect: unreachable}\n")
    bad = subprocess.run(command, capture_output=True, text=True, check=False)
    assert bad.returncode == 1
    assert "E419" in bad.stdout
