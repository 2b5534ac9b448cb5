"""Nodes inside the lab: brought up from the emitted file, by the engine that was asked for."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from meshc.errors import NodeError

CONF_DIRECTORY = "/etc/wireguard"
ENGINES = ("bundled", "wireguard-go", "kernel", "mixed")


def engine_of(choice: str, number: int) -> str:
    """The engine of the node with this number; `mixed` alternates, bundled first."""
    if choice != "mixed":
        return choice
    return ("bundled", "wireguard-go")[number % 2]


def bring_up(args: Mapping[str, Any]) -> dict[str, Any]:
    """Brings up `interface` with `engine` from its file in /etc/wireguard. A job.

    The answer: {engine, notes}. Raises: NodeError.
    """
    from meshc import node
    from meshc.lab.forked import fork_engines

    fork_engines()
    _forward_nothing_by_itself()
    # Names of the lab never move, so that no process per node need look after them.
    path = f"{CONF_DIRECTORY}/{args['interface']}.conf"
    outcome = node.up(path, engine=args["engine"], watch=False)
    return {"engine": outcome.engine, "notes": list(outcome.notes)}


def _forward_nothing_by_itself() -> None:
    """As on machines with Docker or firewalld, and as the proof takes for granted: what no rule of
    the emitted files accepts is not forwarded, in either direction."""
    for program in ("iptables", "ip6tables"):
        if shutil.which(program):
            run([program, "-w", "-P", "FORWARD", "DROP"])


def take_down(args: Mapping[str, Any]) -> dict[str, Any]:
    """Takes `interface` down and puts everything back. A job. Raises: NodeError."""
    from meshc import node
    from meshc.lab.forked import fork_engines

    fork_engines()
    return {"notes": list(node.down(args["interface"]).notes)}


def report_status(args: Mapping[str, Any]) -> dict[str, Any]:
    """How `interface` does: {up, engine, peers: [{name, health, handshake, ...}], drift}. A job."""
    from meshc import node

    found = node.status(args["interface"])
    return {
        "up": found.up,
        "engine": found.engine,
        "listen_port": found.listen_port,
        "drift": list(found.drift),
        "peers": [
            {
                "name": peer.name,
                "endpoint": peer.endpoint,
                "handshake": peer.handshake,
                "received": peer.received,
                "sent": peer.sent,
                "health": peer.health.value,
            }
            for peer in found.peers
        ],
    }


def run(argv: list[str], environment: Mapping[str, str] | None = None) -> str:
    """Runs a program and answers with what it printed. Raises: NodeError with its last words."""
    done = command({"argv": argv, "environment": environment})
    if done["code"] != 0:
        last = " / ".join(done["output"].strip().splitlines()[-3:])
        raise NodeError(f"{' '.join(argv)} failed with {done['code']}: {last}")
    output: str = done["output"]
    return output


def command(args: Mapping[str, Any]) -> dict[str, Any]:
    """Runs `argv` and answers with {code, output}. A job. Raises: NodeError when it is missing.

    The output goes through a file: a daemon that the program leaves behind would keep a pipe open.
    """
    with tempfile.TemporaryFile() as output:
        try:
            done = subprocess.run(
                args["argv"],
                env=args.get("environment"),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        except FileNotFoundError:
            raise NodeError(
                f"{args['argv'][0]} is not installed", hint="the lab needs it for this"
            ) from None
        output.seek(0)
        return {"code": done.returncode, "output": output.read().decode(errors="replace")}


def wait_until_listening(args: Mapping[str, Any]) -> None:
    """Returns when somebody listens on TCP `port` here: a daemon says that it runs before it does.
    A job. Raises: NodeError after `seconds` (default 10)."""
    end = time.monotonic() + float(args.get("seconds", 10.0))
    while int(args["port"]) not in _listening():
        if time.monotonic() > end:
            raise NodeError(f"nobody listens on TCP port {args['port']}")
        time.sleep(0.02)


def _listening() -> set[int]:
    """TCP ports in the state LISTEN (proc_net_tcp: 0A), both families."""
    found = set()
    for name in ("tcp", "tcp6"):
        path = Path("/proc/net", name)
        rows = path.read_text().splitlines()[1:] if path.exists() else []
        for fields in map(str.split, rows):
            if fields[3] == "0A":
                found.add(int(fields[1].rpartition(":")[2], 16))
    return found
