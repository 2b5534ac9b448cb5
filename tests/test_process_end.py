"""A process that may end at once is one that has said so."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """\
from meshc.process_end import end_at_once, is_at_once
before = is_at_once()
end_at_once()
print(before, is_at_once())
"""


def test_only_what_has_been_said_counts() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False True\n"
