"""Manual pages in the wheel: `share/man/man1`, where pipx, uv and pip put them below their prefix.

Run by hatchling while it builds a wheel; `pyproject.toml` says what it needs for that.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ManualPages(BuildHookInterface):  # type: ignore[type-arg]
    _made: str = ""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        try:
            from release.manual import make
        finally:
            sys.path.remove(self.root)
        self._made = tempfile.mkdtemp()
        make(Path(self._made) / "man1")
        build_data["shared_data"][f"{self._made}/man1"] = "share/man/man1"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if self._made:
            shutil.rmtree(self._made)
