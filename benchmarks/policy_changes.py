"""What `meshc policy --against` prints, for random pairs of policies, against an oracle.

    python benchmarks/policy_changes.py 0 200       # seeds; prints every difference

Each pair is two networks with random policies. The Markdown and the JSON that the command prints
are read back, groups and LANs are replaced by their members, and the relation that comes out must
be the difference of what the two files mean, which `tests/support/policy_oracle.py` reads from
their words. The quick form is `tests/cli/test_policy.py`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.printed_changes import disagreements


def main(first: int, last: int) -> int:
    wrong = compared = 0
    with tempfile.TemporaryDirectory() as directory:
        for seed in range(first, last):
            result = disagreements(seed, Path(directory))
            compared += result.compared
            wrong += bool(result.wrong)
            for text in result.wrong[:5]:
                print(f"seed {seed}: {text}")
    print(f"{last - first} pairs of policies, {compared:,} answers compared: {wrong} pairs differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:3])))
