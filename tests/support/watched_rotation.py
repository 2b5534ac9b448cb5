"""Pings between nodes, 5 ms apart, while keys are replaced."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from tests.support.deploynet import Field

INTERVAL = 0.005
NAMES = ("hub", "public", "public3", "public4", "public5", "public6", "home1", "home2")


def eight_nodes() -> str:
    """One relay, five nodes with endpoints of their own, two behind NATs."""
    numbers = {"public": 2, **{f"public{number}": number for number in range(3, 7)}}
    public = "".join(
        f"  {name}: {{endpoint: 198.51.100.{number}, "
        f"deploy: {{host: 198.51.100.{number}, user: root}}}}\n"
        for name, number in numbers.items()
    )
    return f"""\
meshc: 1
network: {{name: fieldnet, addresses: [10.44.0.0/24]}}
nodes:
  hub: {{role: relay, endpoint: 198.51.100.1, deploy: {{host: 198.51.100.1, user: root}}}}
{public}\
  home1: {{nat: port_restricted, deploy: {{host: 198.51.100.11, user: root}}}}
  home2: {{nat: symmetric, deploy: {{host: 198.51.100.12, user: root}}}}
"""


@contextmanager
def pinged(net: Field, pairs: Iterable[tuple[str, str]]) -> Iterator[Callable[[], dict[str, int]]]:
    """Inside, the first of each pair pings the other; the function ends that and says how many
    were lost, by `from to`."""
    running = []
    for source, target in pairs:
        place = net.home / f"{source}-{target}.ping"
        with place.open("w") as out:  # a pipe that nobody reads would stop the pings
            argv = ("ping", "-n", "-q", "-i", str(INTERVAL), net.address(target))
            process = net.machines[source].start(*argv, stdout=out, stderr=subprocess.STDOUT)
        running.append((source, target, place, process))

    def lost() -> dict[str, int]:
        time.sleep(1)  # seconds for the last answers, and for what only the last sessions lose
        found = {}
        for source, target, place, process in running:
            process.send_signal(signal.SIGINT)
            process.wait(60)
            counted = re.search(r"(\d+) packets transmitted, (\d+) received", place.read_text())
            assert counted is not None, place.read_text()
            sent, received = map(int, counted.groups())
            assert sent > 200, (source, target, sent)
            # the last one may be on its way still
            found[f"{source} {target}"] = max(0, sent - received - 1)
        return found

    try:
        yield lost
    finally:
        for *_, process in running:
            if process.poll() is None:
                process.kill()
                process.wait()


def rotate(net: Field, *what: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """`meshc keys rotate --live` on the controller."""
    argv = (str(net.file), *what, "--live", "--yes", "--window", "600")
    return net.controller.meshc("keys", "rotate", *argv, *net.options(), check=check)
