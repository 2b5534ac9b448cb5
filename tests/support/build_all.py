"""Builds every example below a directory: `python -m tests.support.build_all DIRECTORY`."""

from __future__ import annotations

import sys
from pathlib import Path

from meshc.build.pipeline import compile_file
from tests.test_examples import EXAMPLES, prepared

if __name__ == "__main__":
    for example in EXAMPLES:
        folder = Path(sys.argv[1]) / example
        folder.mkdir(parents=True)
        compile_file(prepared(example, folder))
