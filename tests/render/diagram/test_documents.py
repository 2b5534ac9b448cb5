"""Every document is the same, byte for byte, whichever process draws it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.structure.source_tree import ROOT

DRAW = """\
from meshc.render.diagram.{name} import {name}
from meshc.render.diagram.picture import picture
from tests.support.plans import star
print({name}(picture(star())))
"""


@pytest.mark.parametrize("name", ["mermaid", "dot", "svg", "html"])
def test_other_processes_draw_the_same_bytes(name: str) -> None:
    """Whatever order their sets have."""
    drawn = [
        subprocess.run(
            [sys.executable, "-c", DRAW.format(name=name)],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            timeout=120,
        ).stdout
        for seed in ("0", "1")
    ]
    assert b"public-server1" in drawn[0]
    assert drawn[0] == drawn[1]
