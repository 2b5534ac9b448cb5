"""Random networks with hooks, tables, marks, rules, tests, islands, silences, exits and LANs: is
what is built delivered, and is what is refused refused for a reason?

    nice python benchmarks/random_networks.py --seed 0 --networks 3000

An independent walk (`tests/support/packet_world.py`) reads the wg-quick files alone and sends every
packet. A network on which it and the compiler differ is printed with its seed; the exit code is
then 1.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.support.delivery import judge


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=0, help="of the first network")
    parser.add_argument("--networks", type=int, default=3000)
    options = parser.parse_args()
    counts: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    for seed in range(options.seed, options.seed + options.networks):
        case = judge(seed)
        counts["built" if case.built else "refused"] += 1
        counts["without a file"] += case.files is None
        counts["not judged in part"] += case.built and "W443" in case.codes()
        counts["exchanges walked"] += case.walked
        codes.update({code for code, _ in case.errors})
        if case.wrong:
            counts["wrong"] += 1
            print(f"seed {seed}:", *case.wrong[:5], sep="\n  ", flush=True)
    print(", ".join(f"{number:,} {what}" for what, number in counts.items() if number))
    print("refused for", ", ".join(f"{code} ({n:,})" for code, n in sorted(codes.items())))
    return 1 if counts["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
