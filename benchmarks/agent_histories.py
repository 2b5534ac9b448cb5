"""Random histories of networks of agents: what is still lost after each, and who did what it must
not.

    nice .venv/bin/python benchmarks/agent_histories.py --histories 10000

A history is a number of relays and leaves, loss, delay, repeated packets, and up to twelve things
that happen: nodes without power, agents that end, links cut in one direction or both, clocks that
jump, relays that drain. With `--direct` leaves find direct paths as well, behind NATs of all kinds.
`--first` is the first seed; a history that fails prints its own.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))


def failure(seed: int, *, direct: bool = False) -> str:
    """What is wrong after one history; empty when nothing is. Every fourth has a hostile leaf."""
    from tests.support.agent_world import LEAF, random_history
    from tests.support.direct_world import direct_history, stays_lost

    make = direct_history if direct else random_history
    world = make(seed, hostile=frozenset({LEAF} if seed % 4 == 0 else ()))
    # a move has its own moment, and whose agent is dead is not moved
    twice = {leaf for leaf in world.twice_at_home() if leaf in world.agents}
    lost = stays_lost(world)
    twice.intersection_update(world.twice_at_home())
    wrong = [*world.faults[:3], *(f"{a} does not reach {b}" for a, b in sorted(lost))]
    wrong += [f"{leaf} lives with two relays" for leaf in sorted(twice)]
    return f"seed {seed}: {'; '.join(wrong)}" if wrong else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--histories", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--direct", action="store_true")
    wanted = parser.parse_args()
    begun = time.monotonic()
    seeds = range(wanted.first, wanted.first + wanted.histories)
    with ProcessPoolExecutor(wanted.jobs) as pool:
        found = [
            text
            for text in pool.map(partial(failure, direct=wanted.direct), seeds, chunksize=20)
            if text
        ]
    print("\n".join(found))
    print(f"{len(seeds)} histories, {len(found)} failures, {time.monotonic() - begun:.0f} s")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
