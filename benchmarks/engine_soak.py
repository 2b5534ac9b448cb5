"""An engine at full rate for a long time: no leak, no stall.

Needs root, `ip`, `wg` and `iperf3`. Two engines in namespaces of their own carry one TCP stream
each way; sessions renew every two minutes under the traffic. Every ten seconds the throughput
and the resident memory of both are taken. Prints one line of JSON; the exit status is 1 when
an interval stood still or memory grew after the first tenth of the time.

    python benchmarks/engine_soak.py [--minutes 60] [--engine 'wireguard-go']
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from engine_flood import DEFAULT_ENGINE, PORT, VICTIM, Lab

INTERVAL = 10
# what the allocator may move back and forth
TOLERANCE_KIB = 4096


def resident(pid: int) -> int:
    """KiB of the process; the engine is the child of `ip netns exec`, which it replaces."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise SystemExit("an engine has ended")


def watch(lab: Lab, samples: list[list[int]], done: threading.Event) -> None:
    while not done.wait(INTERVAL):
        samples.append([resident(process.pid) for process in lab.processes])


def traffic(lab: Lab, seconds: int) -> list[float]:
    """Mbit/s of each interval, both directions together."""
    server = subprocess.Popen(
        ["ip", "netns", "exec", lab.victim, "iperf3", "-s", "-1", "-B", "10.98.0.1"],
        stdout=subprocess.DEVNULL,
    )
    time.sleep(0.5)
    command = ["ip", "netns", "exec", lab.other, "iperf3", "-c", "10.98.0.1", "-J", "--bidir"]
    command += ["-t", str(seconds), "-i", str(INTERVAL)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    server.wait()
    report = json.loads(done.stdout)
    if "error" in report:
        raise SystemExit(f"iperf3: {report['error']}")
    return [
        (each["sum"]["bits_per_second"] + each["sum_bidir_reverse"]["bits_per_second"]) / 1e6
        for each in report["intervals"]
        if each["sum"]["seconds"] > INTERVAL / 2
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--engine", default=DEFAULT_ENGINE, help="command that takes an interface")
    options = parser.parse_args()
    samples: list[list[int]] = []
    with (
        tempfile.TemporaryDirectory() as scratch,
        Lab(shlex.split(options.engine), Path(scratch)) as lab,
    ):
        lab.interface(lab.victim, "msw0", "10.98.0.1", PORT)
        lab.interface(lab.other, "msw1", "10.98.0.2", PORT)
        lab.peer(lab.victim, "msw0", "msw1", "10.98.0.2/32")
        lab.peer(lab.other, "msw1", "msw0", "10.98.0.1/32", f"{VICTIM}:{PORT}")
        done = threading.Event()
        watcher = threading.Thread(target=watch, args=(lab, samples, done))
        watcher.start()
        try:
            rates = traffic(lab, round(options.minutes * 60))
        finally:
            done.set()
            watcher.join()
        handshakes = lab.wg(lab.other, "show", "msw1", "latest-handshakes").split()[1]
    warm = max(1, len(samples) // 10)
    growth = [max(s[i] for s in samples[warm:]) - samples[warm - 1][i] for i in (0, 1)]
    stalls = sum(rate < 1 for rate in rates)
    failed = bool(stalls) or max(growth) > TOLERANCE_KIB
    result = {
        "minutes": options.minutes,
        "mbit_median": round(sorted(rates)[len(rates) // 2]),
        "mbit_least": round(min(rates)),
        "stalled_intervals": stalls,
        "rss_kib_first": samples[warm - 1],
        "rss_kib_last": samples[-1],
        "rss_kib_growth": growth,
        "last_handshake_age_s": round(time.time() - int(handshakes)),
        "ok": not failed,
    }
    print(json.dumps(result))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
