"""`--bandwidth`: iperf3 between every pair that is reached, one pair at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

from meshc.errors import NodeError
from meshc.lab.commands import AwaitListener, RunCommand
from meshc.lab.lab_session import LabSession
from meshc.lab.probe.measure import Subject
from meshc.lab.report.lab_report import Cell

SECONDS = 2
PORT = 5201


def measure_bandwidth(
    session: LabSession,
    subject: Subject,
    cells: Sequence[Cell],
    tell: Callable[[str], None] = lambda _: None,
) -> tuple[Cell, ...]:
    """Adds Mbit/s (as the receiver counts) to every pair of nodes that is reached, over IPv4 where
    there is IPv4. Raises: NodeError when iperf3 is not installed."""
    result = []
    both = {(c.key.source, c.key.target) for c in cells if c.key.family == 4}
    for cell in cells:
        key = cell.key
        wanted = key.family == 4 or (key.source, key.target) not in both
        if cell.measured.reachable and wanted and key.target in session.engines:
            tell(f"iperf3 {key.source} → {key.target}")
            rate = _iperf(
                session, key.source, key.target, subject.addresses[key.target][key.family]
            )
            cell = replace(cell, measured=replace(cell.measured, mbit=rate))
        result.append(cell)
    return tuple(result)


def _iperf(session: LabSession, source: str, target: str, address: str) -> float:
    server = ("iperf3", "-s", "-1", "-D", "-p", str(PORT), "-B", address)
    session.lab.call(target, RunCommand(server))
    session.lab.call(target, AwaitListener(PORT))
    ask = ("-c", address, "-p", str(PORT), "-t", str(SECONDS), "-J", "--connect-timeout", "3000")
    done = session.lab.call(source, RunCommand(("iperf3", *ask)), timeout=SECONDS + 20)
    try:
        received = json.loads(done.output)["end"]["sum_received"]["bits_per_second"]
    except (ValueError, KeyError):
        raise NodeError(f"iperf3 {source} → {target}: {done.output.strip()[-200:]}") from None
    return round(float(received) / 1e6, 1)
