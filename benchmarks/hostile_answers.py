"""Every hostile value in every place of every answer of a node: does only that node fail?

Needs no root and no machine: the nodes are made up, the controller is the real one, and all of it
is one process, whose memory counts. What is printed at the end is one line of JSON; the exit status
is 1 when the memory went above the bound. A promise that was not kept ends it with a traceback.

    python benchmarks/hostile_answers.py [--bound MIB]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.support.lying_nodes import whole_run


def peak() -> float:
    """Of this process, in MiB."""
    (line,) = [one for one in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in one]
    return int(line.split()[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bound", type=float, default=200.0)
    wanted = parser.parse_args()
    told: Counter[str] = Counter()
    began = time.process_time()
    with tempfile.TemporaryDirectory() as directory:
        for verb, _ in whole_run(Path(directory)):
            told[verb] += 1
    row = {"answers": told.total(), "by_request": dict(told), "peak_mib": round(peak(), 1)}
    print(json.dumps({**row, "seconds": round(time.process_time() - began, 1)}))
    raise SystemExit(peak() > wanted.bound)


if __name__ == "__main__":
    main()
