"""What an agent costs that has nothing to do: its share of a core, and memory.

    sudo nice python benchmarks/agent_idle.py --seconds 60

A lab of two relays and four leaves, two of which have a direct path; each agent is a process, and
its figures are the kernel's (/proc/PID/stat, smaps_rollup): memory of its own, and what it shares.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from meshc.lab.commands import RunCommand
from meshc.lab.lab_session import open_session
from meshc.lab.lab_source import prepare
from meshc.lab.probe.direct_pairs import await_direct
from meshc.lab.world.jobs import PlacedJob

TEXT = """
meshc: 1
network: {name: idle, addresses: [10.62.0.0/24], agent: true}
nodes:
  r1: {role: relay, endpoint: 203.0.113.1}
  r2: {role: relay, endpoint: 203.0.113.2}
  a: {nat: port_restricted, via: [r1]}
  b: {nat: port_restricted, via: [r2]}
  c: {nat: symmetric, via: [r1]}
  d: {nat: symmetric, via: [r2]}
"""
LOOK = """
import sys, time, pathlib
from meshc.node.machine import RUN_DIRECTORY
from meshc.node.state_file import StateFile
from meshc.node.system import agent_process, processes
record = StateFile(RUN_DIRECTORY, "wg0").load()
(pid,) = processes.find(agent_process.token(record.token))
def busy():
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
def memory():
    lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {line.split(":")[0]: int(line.split()[1]) for line in lines}
begun, seconds = busy(), float(sys.argv[1])
time.sleep(seconds)
sizes = memory()
print((busy() - begun) / seconds * 100, sizes["Rss"] / 1024, sizes["Pss"] / 1024)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--engine", default="bundled")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="meshc-idle-") as directory:
        file = Path(directory, "mesh.yaml")
        file.write_text(TEXT)
        source = prepare(file, None, lambda _: None)
    session = open_session(source, engine=wanted.engine, agents=True)
    with session.lab:
        await_direct(session)
        look = RunCommand((sys.executable, "-c", LOOK, str(wanted.seconds)))
        jobs = [PlacedJob(name, look) for name in source.spec.nodes]
        found = session.lab.run(jobs, parallel=len(jobs), timeout=wanted.seconds + 120)
        for place, one in zip(
            source.spec.nodes, sorted(found, key=lambda o: o.number), strict=True
        ):
            share, resident, fair = map(float, one.value.output.split())
            print(f"{place}: {share:.2f} % of a core, {resident:.1f} MiB (its part {fair:.1f})")


if __name__ == "__main__":
    main()
