"""The netns.sh of wireguard-go or of Linux, run with the engine; who runs it fetches the script.

Needs root, `ip`, `wg`, `iptables`, `iperf3` and ncat. wireguard-go has it as tests/netns.sh, Linux
as tools/testing/selftests/wireguard/netns.sh (Debian: in the package linux-source). Sizes are
reduced, a busy machine gets more time, and what reads the kernel's log is left out. In the one of
Linux each namespace gets control sockets of its own, and these are left out, because a program
behind a TUN device sees nothing of them: the link's own counters and an MTU of a route. Who loses
an address to another peer may send from it for a moment (MOVE_GRACE, docs/engine.md), as no other
WireGuard lets it: the check that it may not is made after that. The exit status is the script's.

    python benchmarks/engine_netns.py /path/to/netns.sh
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from meshc.engine.proto.constants import MOVE_GRACE

ROOT = Path(__file__).resolve().parents[1]
ENGINE = f"""#!/bin/sh
cd {ROOT}
exec {sys.executable} -c 'from meshc.cli.engine import entry; entry()' "$@"
"""
# argv: number of the namespace, command
OWN = """#!/bin/sh
mkdir -p "$(dirname "$0")/$1" /var/run/wireguard
mount --bind "$(dirname "$0")/$1" /var/run/wireguard
shift
exec "$@"
"""


def smaller(script: str) -> str:
    script = re.sub(r"iperf3 -Z -(n 1G|t \d+)", "iperf3 -Z -n 4M", script)
    script = script.replace("for max in 4 5 50", "for max in 4")
    # who is to be silent is not waited for
    lines = [
        line if "! " in line and "Unreachable" not in line else line.replace("-W 1 ", "-W 20 ")
        for line in script.split("\n")
    ]
    script = "\n".join(lines).replace("read -r -N 1 -t 1 out", "read -r -N 1 -t 5 out")
    moved = r"(?m)^(n\d wg set wg\d peer \"\$more_specific_key\" allowed-ips .*)$"
    script = re.sub(moved, rf"\1\ncommand sleep {MOVE_GRACE + 1}", script)
    return re.sub(r"(?s)\n(sleep 2 [^\n]*\n)?declare -A objects\n.*", "\n", script)


def for_a_program(script: str) -> str:
    """The one of Linux, whose interfaces are made by the kernel."""
    script = re.sub(r"ip(\d) link add (?:dev )?(wg\d) type wireguard", r"n\1 $program \2", script)
    for side in "12":  # the first two are made beside their later namespaces
        made = f"n0 $program wg0\nip0 link set wg0 netns $netns{side}"
        script = script.replace(made, made.replace("n0 $program", f"s{side} $program"), 1)
    script = re.sub(
        r"maybe_exec ip netns exec \$netns(\d) ",
        r"maybe_exec ip netns exec $netns\1 $own \1 ",
        script,
    )
    script = re.sub(r"(?m)^\{ read _;.*-stats.*\n\(\(.*\n", "", script)
    script = re.sub(r"(?s)# Test that route MTUs.*?iptables -F INPUT\n", "", script)
    script = script.replace("n0 wg show wg1 transfer", "n1 wg show wg1 transfer")  # moved there
    script = script.replace("dummy0 type dummy", "dummy0 type veth peer name dummyp")
    script = script.replace(
        "ip1 link set dummy0 up", "ip1 link set dummyp up; ip1 link set dummy0 up"
    )
    head = "set -e\nprogram=$1 own=$2\n"
    head += "".join(
        f's{side}() {{ ip netns exec "$netns0" "$own" {side} "$@"; }}\n' for side in "12"
    )
    return script.replace("set -e\n", head, 1)


def main() -> int:
    script = smaller(Path(sys.argv[1]).read_text())
    if "type wireguard\nip0" in script and "n0 $program" not in script:
        script = for_a_program(script)
    with tempfile.TemporaryDirectory() as directory:
        files = {"engine": ENGINE, "own": OWN, "netns.sh": script}
        for name, text in files.items():
            path = Path(directory, name)
            path.write_text(text)
            path.chmod(0o755)
        command = ["bash", f"{directory}/netns.sh", f"{directory}/engine", f"{directory}/own"]
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
