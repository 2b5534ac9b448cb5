"""Runs a shell script in fresh network, mount and process namespaces.

All of it disappears with the script, also when it is killed: interfaces, rules, daemons, and what
lies in /run and /etc/wireguard, which are empty file systems inside.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

_UNSHARE = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
_SETUP = """
set -eu
mount -t tmpfs tmpfs /run
mkdir -p /etc/wireguard && mount -t tmpfs tmpfs /etc/wireguard
mount -t sysfs sysfs /sys
ip link set lo up
export WG_QUICK_USERSPACE_IMPLEMENTATION=wireguard-go WG_SUDO=1 LOG_LEVEL=silent
"""


def run_in_sandbox(script: str, *, cwd: Path, timeout: float = 60) -> str:
    """Standard output of the script. Raises: AssertionError with all output when it fails."""
    done = subprocess.run(
        [*_UNSHARE, "bash", "-c", _SETUP + script],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout
