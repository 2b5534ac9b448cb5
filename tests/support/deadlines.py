"""The deadline of a deployment, brought forward: a test has a window that no slow machine misses,
and need not wait for its end.
"""

from __future__ import annotations

from typing import Any

# the clock and the lock are those that the program of the deployment uses
_FORWARD = """
import fcntl, json, os, sys, time

grace = sys.argv[1]
for interface in sys.argv[2:]:
    home = "/var/lib/meshc/deploy/" + interface
    with open(home + "/lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with open(home + "/state.json") as file:
            record = json.load(file)
        candidate = record.get("candidate")
        if candidate:
            left = max(0.0, candidate["deadline"] - time.clock_gettime(time.CLOCK_BOOTTIME))
            for name in ("deadline", "decide_at"):
                candidate[name] -= left
            if grace:
                candidate["decide_at"] = candidate["deadline"] + float(grace)
            with open(home + "/state.json.new", "w") as file:
                json.dump(record, file)
            os.replace(home + "/state.json.new", home + "/state.json")
"""


def window_is_over(machine: Any, *interfaces: str, grace: float | None = None) -> None:
    """Where one is unfinished; what follows the deadline comes as long after it as ever, or after
    so many seconds of `grace`."""
    more = "" if grace is None else str(grace)
    machine.run("python3", "-c", _FORWARD, more, *(interfaces or ("wg0",)))
