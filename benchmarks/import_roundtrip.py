"""Build, import, build again, for many random networks: what gets lost on the way.

python benchmarks/import_roundtrip.py --seed 0 --networks 1000
"""

from __future__ import annotations

import argparse
import sys
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.support.import_round_trip import losses


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--networks", type=int, default=1000)
    options = parser.parse_args()
    done = different = 0
    for seed in count(options.seed):
        found = losses(seed)
        if found is None:
            continue
        done += 1
        if found:
            different += 1
            print(f"seed {seed}:", *found, sep="\n  ")
        if done == options.networks:
            break
    print(f"{done} networks, {different} not the same")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
