"""Nodes that answer the requests of a deploy without a machine behind them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from meshc.deploy.connect.node_session import NodeSession
from meshc.deploy.connect.transport import Result, TransportError
from meshc.deploy.plan.target import Target

FACTS: dict[str, Any] = {
    "python": [3, 11, 0],
    "uid": 0,
    "tools": {name: f"/usr/bin/{name}" for name in ("wg", "wg-quick", "iptables", "ip6tables")},
    "systemd": False,
    "kernel": True,
    "target": {"path": "/etc/wireguard", "writable": True, "free": 1 << 30},
    "state": {"path": "/var/lib", "writable": True, "free": 1 << 30},
    "sha": "",
    "conf": None,
    "node_sha": "",
    "deployed_sha": "",
    "deployed": None,
    "pending": None,
    "phase": "restored",
    "running": {"up": False, "manner": "", "public_key": "", "port": 0, "peers": {}},
    "environment": {
        "place": {"path": "/opt", "writable": True, "free": 1 << 30},
        "soabi": "cpython-311-x86_64-linux-gnu",
        "libc": ["glibc", "2.36"],
        "pip": True,
        "there": [],
        "used": "",
    },
    "enabled": [],
    "deployed_env": None,
}
GOOD: dict[str, Any] = {
    "facts": FACTS,
    "install": {"installed": True},
    "remove_unused": {"there": []},
    "arm": {"phase": "armed"},
    "apply": {"phase": "applied"},
    "check": {"good": True, "up": True, "public_key": "", "before": [], "alive": []},
    "commit": {"phase": "committed"},
    "rollback": {"phase": "restored"},
    "adopt": {"phase": "none"},
}
LOST = "lost"
NONE = "none"


class FakeNodes:
    """A `Dial`. `answers` maps (node, verb) to what differs from a node where all is well: an
    answer, `LOST` for a connection that breaks, `NONE` for a program that breaks, or a function
    of the request."""

    def __init__(self, answers: Mapping[tuple[str, str], Any] | None = None) -> None:
        self.answers = dict(answers or {})
        self.argvs: list[tuple[str, ...]] = []
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.payloads: list[bytes] = []

    async def __call__(self, target: Target, *, timeout: float = 15.0) -> NodeSession:
        if self.answers.get((target.name, "dial")) == LOST:
            raise TransportError(f"{target.name}: cannot be reached", hint="try ssh")
        return NodeSession(_FakeTransport(target.name, self), target.plan.interface)

    def verbs(self, node: str) -> list[str]:
        return [request["verb"] for name, request in self.requests if name == node]


class _FakeTransport:
    def __init__(self, name: str, nodes: FakeNodes) -> None:
        self.name = name
        self._nodes = nodes

    async def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 30) -> Result:
        self._nodes.argvs.append(tuple(argv))
        head, _, rest = stdin.partition(b"\n")
        line, _, payload = rest[int(head.split()[1]) :].partition(b"\n")
        request = json.loads(line)
        self._nodes.payloads += [payload] if payload else []
        self._nodes.requests.append((self.name, request))
        verb = request["verb"]
        answer = self._nodes.answers.get((self.name, verb), GOOD[verb])
        if isinstance(answer, Callable):  # type: ignore[arg-type]
            answer = answer(request)
        if answer == LOST:
            raise TransportError(f"{self.name}: the connection broke")
        if answer == NONE:
            return Result(1, b"", b"Traceback: something")
        return Result(0, b"welcome\n" + json.dumps(answer).encode() + b"\n", b"")

    async def close(self) -> None:
        """Nothing to end."""
