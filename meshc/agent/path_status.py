"""The path status: how an agent's paths are, for people and for who waits until they are up.

It lies beside the record of the interface, /run/meshc/IFACE.paths, and goes with it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from meshc.agent.core.direct_path import DirectPath, PairState
from meshc.agent.core.direct_paths import DirectPaths
from meshc.agent.core.leaf_agent import LeafAgent
from meshc.agent.core.relay_agent import RelayAgent
from meshc.node.machine import RUN_DIRECTORY
from meshc.values import dataclass, field


@dataclass(frozen=True, slots=True)
class PathStatus:
    """`relays` maps the other end of each path that is probed to its state. A leaf has a `home`; a
    relay the names of the `leaves` that live with it. `direct` maps the leaves with which there may
    be a direct path to how that is. `moves` are the last ones, the latest first, with their unix
    time; `since` is when the agent of a leaf came to its home, and `why`. `nat` says where the
    relays see this node."""

    relays: Mapping[str, str]
    home: str = ""
    leaves: tuple[str, ...] = ()
    draining: bool = field(default=False)
    direct: Mapping[str, str] = field(default_factory=dict)
    since: float = 0.0
    why: str = ""
    moves: tuple[tuple[float, str], ...] = ()
    nat: str = ""

    @property
    def all_live(self) -> bool:
        return all(state == "live" for state in self.relays.values())

    @property
    def words(self) -> str:
        """A line for people."""
        paths = ", ".join(f"{name} {state}" for name, state in self.relays.items())
        if self.home:
            return f"path by {self.home} ({paths}){self._pairs}"
        here = ", ".join(self.leaves) or "nobody"
        return f"{'draining; ' if self.draining else ''}home of {here} ({paths})"

    @property
    def _pairs(self) -> str:
        some = ", ".join(f"{name} {how}" for name, how in self.direct.items())
        return f"; {some}" if some else ""

    def save(self, interface: str, run_directory: Path = RUN_DIRECTORY) -> None:
        """Replaces the file in one step."""
        path = status_file(interface, run_directory)
        scratch = path.with_suffix(".paths-new")
        values = {name: getattr(self, name) for name in PathStatus.__slots__}
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(values, file)
        scratch.replace(path)


def status_file(interface: str, run_directory: Path = RUN_DIRECTORY) -> Path:
    """Where the status of an interface lies."""
    return run_directory / f"{interface}.paths"


def load_status(interface: str, run_directory: Path = RUN_DIRECTORY) -> PathStatus | None:
    """None where no agent has written any, or it was written by another version."""
    try:
        values = json.loads(status_file(interface, run_directory).read_text(encoding="utf-8"))
        moves = tuple((float(when), str(what)) for when, what in values["moves"])
        return PathStatus(**{**values, "leaves": tuple(values["leaves"]), "moves": moves})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _nat(direct: DirectPaths, names: Mapping[int, str]) -> str:
    """What the relays have told when they introduced this node."""
    seen = ", ".join(f"{names[relay]} at {end}" for relay, (_, end) in direct.seen.items())
    if not seen:
        return ""
    kind = ": its NAT gives every peer another port (symmetric)" if direct.varies else ""
    return f"seen by {seen}{kind}"


def _words(path: DirectPath) -> str:
    if path.state is PairState.APART:
        return f"{path.state.value}: {path.why}"
    return str(path.state.value)


def path_status(agent: LeafAgent | RelayAgent, names: Mapping[int, str]) -> PathStatus:
    """How an agent is at this moment."""
    if isinstance(agent, LeafAgent):
        states = {names[relay]: path.state.value for relay, path in agent.probes.items()}
        pairs = {names[peer]: _words(path) for peer, path in agent.direct.paths.items()}
        nat = _nat(agent.direct, names)
        return PathStatus(states, names[agent.home], direct=pairs, nat=nat)
    states = {names[relay]: other.probe.state.value for relay, other in agent.others.items()}
    here = (leaf for leaf, one in agent.records.items() if one.relay == agent.roster.me)
    return PathStatus(states, "", tuple(sorted(names[leaf] for leaf in here)), agent.draining)
