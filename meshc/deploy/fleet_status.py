"""The fleet's status: every node as it says it does, and those that cannot be asked as their peers
see them.

Nodes are asked over SSH, by their own `meshc status --json`. What they answer is a stranger's word:
it is read field by field, and shown without control characters.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from meshc.deploy.connect.dial import Dial
from meshc.deploy.connect.node_session import said_by_node
from meshc.deploy.plan.target import Target
from meshc.deploy.protocol import Directories
from meshc.errors import NodeError, PrefixFormatError
from meshc.keys import PublicKey
from meshc.secret import SecretText
from meshc.topology.language.spec import NodeSpec, Spec
from meshc.topology.planner.mesh_plan import NodePlan
from meshc.values import dataclass, field
from meshc.wg.endpoint import Endpoint

AT_ONCE = 16
"""Connections at a time."""
_MOST_PEERS, _AGES = 20_000, 1e10
# its codes 1 to 3 are answers as well
_ASK = 'PATH="$PATH:$0" meshc status "$1" --json; code=$?; [ $code -le 3 ] || exit $code'
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class PeerView:
    """How one node sees another: its health in a word, seconds since the last handshake, and where
    its packets come from."""

    health: str
    handshake: float | None = None
    endpoint: Endpoint | None = None


@dataclass(frozen=True, slots=True)
class NodeView:
    """What one node said of itself. It is not `asked` where the topology does not say how it is
    reached; `trouble` says why it did not answer. Then nothing else is known. `direct` are its
    agent's pairs in a word each, `leaves` those that live with it."""

    name: str
    asked: bool = True
    trouble: str = ""
    up: bool = False
    peers: Mapping[str, PeerView] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    home: str = ""
    direct: Mapping[str, str] = field(default_factory=dict)
    leaves: tuple[str, ...] = ()
    draining: bool = False

    @property
    def lost(self) -> tuple[str, ...]:
        """Peers that should have a session and have none."""
        return tuple(sorted(name for name, peer in self.peers.items() if peer.health == "lost"))

    @property
    def well(self) -> bool:
        return self.up and not self.lost and not self.problems


@dataclass(frozen=True, slots=True)
class FleetStatus:
    """All that were asked, by name."""

    nodes: Mapping[str, NodeView]

    def seen(self, name: str) -> Iterator[tuple[str, PeerView]]:
        """Who sees a node, and how."""
        for other, view in self.nodes.items():
            if name in view.peers:
                yield other, view.peers[name]

    def home_of(self, name: str) -> str:
        """Where a leaf lives: as it says itself, else as relays say."""
        view = self.nodes.get(name)
        if view is not None and view.home:
            return view.home
        return next((one for one, it in self.nodes.items() if name in it.leaves), "")


async def ask_fleet(spec: Spec, dial: Dial, names: Iterable[str]) -> FleetStatus:
    """Asks these nodes, several at a time; one that does not answer holds nobody up."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def ask(node: NodeSpec) -> NodeView:
        if not node.deploy.host:
            return NodeView(node.name, asked=False)
        async with turn:
            try:
                return read_view(node.name, await _answer(node, spec.network.interface, dial))
            except NodeError as error:
                return NodeView(node.name, trouble=said_by_node(str(error)))

    found = await asyncio.gather(*(ask(spec.nodes[name]) for name in names))
    return FleetStatus({view.name: view for view in sorted(found, key=lambda one: one.name)})


async def _answer(node: NodeSpec, interface: str, dial: Dial) -> bytes:
    """Raises: NodeError."""
    plan = NodePlan(node, interface, PublicKey(""), (), None, 0, ())
    session = await dial(Target(plan, SecretText("")))
    try:
        own = f"{Directories().environments}/interfaces/{interface}/bin"
        words = ("sh", "-c", _ASK, f"{_PATH}:{own}", interface)
        result = await session.run(words, data=b"")
    finally:
        await session.transport.close()
    if result.code:
        raise NodeError(f"its meshc says nothing (exit {result.code}): {result.complaint}")
    return result.stdout


def read_view(name: str, output: bytes) -> NodeView:
    """Raises: NodeError for what `meshc status --json` does not print."""
    try:
        report = json.loads(output[output.index(b"{") :])["interfaces"][0]
        paths = report.get("paths") or {}
        peers = {
            said_by_node(str(peer["name"])): _peer(peer) for peer in report["peers"][:_MOST_PEERS]
        }
        problems = (*report["problems"], *report["drift"])
        return NodeView(
            name,
            up=report["up"] is True,
            peers=peers,
            problems=tuple(said_by_node(str(one)) for one in problems),
            home=said_by_node(str(paths.get("home", ""))),
            direct={
                said_by_node(str(other)): said_by_node(str(how))
                for other, how in dict(paths.get("direct", {})).items()
            },
            leaves=tuple(said_by_node(str(leaf)) for leaf in paths.get("leaves", ())),
            draining=paths.get("draining") is True,
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, PrefixFormatError):
        raise NodeError("what it answered is no status") from None


def _peer(said: Mapping[str, Any]) -> PeerView:
    """Raises: ValueError, LookupError, TypeError, PrefixFormatError."""
    age, at = said["handshake"], str(said["endpoint"])
    if age is not None and not 0 <= float(age) < _AGES:
        raise ValueError("no time")
    return PeerView(
        said_by_node(str(said["health"])),
        None if age is None else float(age),
        Endpoint.parse(at) if at else None,
    )
