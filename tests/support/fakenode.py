"""Nodes that answer the requests of a deploy without a machine behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from meshc.deploy.connect.node_session import NodeSession
from meshc.deploy.connect.transport import Result, TransportError
from meshc.deploy.plan.target import Target
from meshc.deploy.protocol import (
    REQUESTS,
    Facts,
    Installed,
    NodeKey,
    OwnMeshc,
    Reached,
    ReachedState,
    State,
    Verified,
    Versions,
)
from meshc.deploy.protocol_json import decode_call, encode_answer

TOOLS = ("wg", "wg-quick", "iptables", "ip6tables", "resolvconf")
FACTS = Facts(
    programs={name: f"/usr/bin/{name}" for name in TOOLS},
    kernel=True,
    state=State.ROLLED_BACK,
    meshc=OwnMeshc(soabi="cpython-311-x86_64-linux-gnu", libc=("glibc", "2.36"), pip=True),
)
GOOD: dict[str, Any] = {
    "facts": FACTS,
    "install": Installed(True),
    "remove-unused": Versions(()),
    "stage": ReachedState(State.CANDIDATE),
    "commit-confirmed": ReachedState(State.COMMIT_CONFIRMED),
    "verify": Verified(True, True, True, "", (), ()),
    "confirm": ReachedState(State.CONFIRMED),
    "roll-back": ReachedState(State.ROLLED_BACK),
    "adopt": ReachedState(State.IDLE),
    "peers": Reached(()),
    "make-key": NodeKey(True, ""),
    "retire": ReachedState(State.IDLE),
}
NAMES = {request: name for name, request in REQUESTS.items()}
LOST = "lost"
NONE = "none"


class FakeNodes:
    """A `Dial`. `answers` maps (node, name of a request) to what differs from a node where all is
    well: an answer or a failure, bytes for a line that is neither, `LOST` for a connection that
    breaks, `NONE` for a program that breaks, or a function of the request."""

    def __init__(self, answers: Mapping[tuple[str, str], Any] | None = None) -> None:
        self.answers = dict(answers or {})
        self.argvs: list[tuple[str, ...]] = []
        self.requests: list[tuple[str, Any]] = []
        self.payloads: list[bytes] = []

    async def __call__(self, target: Target, *, timeout: float = 15.0) -> NodeSession:
        if self.answers.get((target.name, "dial")) == LOST:
            raise TransportError(f"{target.name}: cannot be reached", hint="try ssh")
        return NodeSession(_FakeTransport(target.name, self), target.plan.interface)

    def verbs(self, node: str) -> list[str]:
        return [NAMES[type(request)] for name, request in self.requests if name == node]


class _FakeTransport:
    def __init__(self, name: str, nodes: FakeNodes) -> None:
        self.name = name
        self._nodes = nodes

    async def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 30) -> Result:
        self._nodes.argvs.append(tuple(argv))
        head, _, rest = stdin.partition(b"\n")
        line, _, payload = rest[int(head.split()[1]) :].partition(b"\n")
        request = decode_call(line).request
        self._nodes.payloads += [payload] if payload else []
        self._nodes.requests.append((self.name, request))
        verb = NAMES[type(request)]
        answer = self._nodes.answers.get((self.name, verb), GOOD[verb])
        if isinstance(answer, Callable):  # type: ignore[arg-type]
            answer = answer(request)
        if answer == LOST:
            raise TransportError(f"{self.name}: the connection broke")
        if answer == NONE:
            return Result(1, b"", b"Traceback: something")
        said = answer if isinstance(answer, bytes) else encode_answer(answer)
        return Result(0, b"welcome\n" + said, b"")

    async def close(self) -> None:
        """Nothing to end."""
