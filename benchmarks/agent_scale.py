"""What a relay's agent costs: messages a second, bytes, its share of a core and memory.

    nice .venv/bin/python benchmarks/agent_scale.py --leaves 100 1000

Leaves and two relays in the simulator, at rest; then one relay dies and all of its leaves move.
The time is that of the core of one relay alone, with messages read from and written to bytes.
"""

from __future__ import annotations

import argparse
import sys
import time
import tracemalloc
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from meshc.agent.core.control_message import Message, Probe, decode, encode
from meshc.agent.core.effect import SendControl
from meshc.agent.core.relay_agent import RelayAgent
from meshc.agent.core.roster import Roster
from tests.support.agent_world import LEAF, AgentWorld

SECONDS = 10


def at_rest(leaves: int) -> str:
    """One relay, and a probe of each leaf a second."""
    everybody = range(LEAF, LEAF + leaves)
    tracemalloc.start()
    agent = RelayAgent(
        Roster(1, (1, 2), (), dict.fromkeys(everybody, 1), frozenset(everybody)), 0.0, start=1
    )
    for leaf in everybody:
        agent.receive(leaf, Probe(1, 0, 1), 0.0)
    memory = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    sent = size = 0
    begun = time.process_time()
    for second in range(1, SECONDS + 1):
        for leaf in everybody:
            message: Message | None = decode(encode(Probe(second, 0, 1)))
            assert message is not None
            for effect in agent.receive(leaf, message, float(second)):
                if isinstance(effect, SendControl):
                    sent += 1
                    size += len(encode(effect.message))
    share = (time.process_time() - begun) / SECONDS
    return (
        f"{leaves} leaves: {leaves} messages in and {sent // SECONDS} out a second, "
        f"{size // SECONDS} bytes out, {100 * share:.2f} % of a core, {memory // 1024} KiB"
    )


def a_relay_dies(leaves: int) -> str:
    """All leaves of one relay go to the other."""
    world = AgentWorld(2, leaves)
    world.run(5)
    world.power_off(1)
    world.messages.clear()
    world.run(8)
    moved = sum(home == 2 for home in world.home.values())
    return f"{leaves} leaves, a relay dies: {moved} live with the other, {len(world.faults)} faults"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--leaves", type=int, nargs="+", default=[100, 1000])
    for leaves in parser.parse_args().leaves:
        print(at_rest(leaves))
        print(a_relay_dies(leaves), flush=True)


if __name__ == "__main__":
    main()
