"""Nodes inside the lab: brought up from the emitted file, by the engine that was asked for."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
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
    """Brings up `interface` with `engine`. A job. Raises: NodeError."""
    environment = {**os.environ, "WG_QUICK_USERSPACE_IMPLEMENTATION": "wireguard-go"}
    environment["LOG_LEVEL"] = "error"
    run(["wg-quick", "up", f"{CONF_DIRECTORY}/{args['interface']}.conf"], environment)
    return {"engine": args["engine"]}


def run(argv: list[str], environment: Mapping[str, str] | None = None) -> str:
    """Runs a program and answers with what it printed. Raises: NodeError with its last words."""
    try:
        done = subprocess.run(
            argv,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except FileNotFoundError:
        raise NodeError(f"{argv[0]} is not installed", hint="the lab needs it for this") from None
    if done.returncode != 0:
        last = " / ".join(done.stdout.strip().splitlines()[-3:])
        raise NodeError(f"{' '.join(argv)} failed with {done.returncode}: {last}")
    return done.stdout


def command(args: Mapping[str, Any]) -> dict[str, Any]:
    """Runs `argv` and answers with {code, output}. A job."""
    done = subprocess.run(
        args["argv"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    return {"code": done.returncode, "output": done.stdout}
