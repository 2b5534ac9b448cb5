"""The journal of deploys: `mesh.deploys` beside the topology, to be committed like the lock file.

It holds no secret: which builds were deployed from here (by a hash over the hashes of their files),
how each node that got one is reached, and which file each node had then. From it follow three
things that the topology as it is now does not say: whether what runs on a node is older than this
checkout or newer than it, which nodes have left, and who needs a new file by hand.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import socket
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from meshc.build.reader import BuildReader
from meshc.errors import StateError
from meshc.files import read_regular, write_atomic
from meshc.topology.language.spec import Deploy, Spec
from meshc.topology.obligations.reach_record import record
from meshc.topology.planner.mesh_plan import MeshPlan
from meshc.values import dataclass, field

VERSION = 1
MOST_BUILDS = 200
_WAY = ("host", "user", "port", "become")


@dataclass(frozen=True, slots=True)
class DeployedNode:
    """A node that got its file from here: its interface, and the way to it."""

    interface: str
    deploy: Deploy


@dataclass(frozen=True, slots=True)
class DepartedKey:
    """A public key that a node has no more, and the nodes whose file had it when they were last
    reached."""

    node: str
    on: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeployJournal:
    """`builds` are those that were deployed, the latest last, and `serial` is the number of that
    one; `files` are the hashes of the wg-quick files of all nodes then, `policies` is who reached
    whom then (`reach_record`), empty where there were no policies. `keys` are those of all nodes
    then, `peers` by node those that its file had (None: all others), and `gone` the keys from
    before which somebody may have still."""

    serial: int = 0
    builds: tuple[str, ...] = ()
    nodes: Mapping[str, DeployedNode] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    policies: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)
    peers: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)
    gone: Mapping[str, DepartedKey] = field(default_factory=dict)

    def number(self, build: str) -> int:
        """That of a build to be deployed: its own, where it is the latest."""
        return self.serial + (self.builds[-1:] != (build,))

    def left(self, plan: MeshPlan) -> tuple[str, ...]:
        """The nodes that are no longer in the topology, and were deployed."""
        return tuple(sorted(set(self.nodes) - set(plan.nodes)))

    def begun(self, build: str) -> DeployJournal:
        """Before a node gets it: whoever is killed then has deployed it in part."""
        builds = tuple(one for one in self.builds if one != build)
        return replace(self, serial=self.number(build), builds=(*builds, build)[-MOST_BUILDS:])

    def deployed(
        self, build: str, files: Mapping[str, str], plan: MeshPlan, names: Iterable[str]
    ) -> DeployJournal:
        """After these nodes got the build. The files of the others that are deployed stay as they
        were; nobody but their owners knows of those that are not."""
        names = set(names)
        mine = {
            name: DeployedNode(plan.nodes[name].interface, plan.nodes[name].spec.deploy)
            for name in names
        }
        kept = {
            name: sha for name, sha in self.files.items() if name in self.nodes and name in files
        }
        by_hand = {name: sha for name, sha in files.items() if name not in self.nodes}
        theirs = {name: files[name] for name in names if name in files}
        keys = {name: str(node.public_key) for name, node in plan.nodes.items()}
        return replace(
            self.begun(build),
            nodes={**self.nodes, **mine},
            files={**by_hand, **kept, **theirs},
            policies=_policies(plan.spec),
            keys=keys,
            peers={**self.peers, **{name: _peers(plan, name) for name in names}},
            gone=_left_on(self.departed(keys), names),
        )

    def departed(self, keys: Mapping[str, str]) -> Mapping[str, DepartedKey]:
        """The keys that somebody may have still, though they are not among those of the nodes now:
        of nodes that were removed, revoked, or that have another one."""
        found = {key: one for key, one in self.gone.items() if key not in keys.values()}
        for name, key in self.keys.items():
            if keys.get(name) != key and key not in keys.values():
                on = [n for n, peers in self.peers.items() if n != name and _has(peers, name)]
                found[key] = DepartedKey(name, tuple(sorted(on)))
        return {key: one for key, one in found.items() if one.on}

    def without(self, names: Iterable[str]) -> DeployJournal:
        """After these nodes were taken down."""
        gone = set(names)
        return replace(
            self,
            nodes={n: one for n, one in self.nodes.items() if n not in gone},
            peers={n: peers for n, peers in self.peers.items() if n not in gone},
            gone=_left_on(self.gone, gone),
        )


def _peers(plan: MeshPlan, name: str) -> tuple[str, ...] | None:
    peers = tuple(sorted(peer.name for peer in plan.nodes[name].peers))
    return peers if len(set(peers)) < len(plan.nodes) - 1 else None


def _has(peers: tuple[str, ...] | None, name: str) -> bool:
    return peers is None or name in peers


def _left_on(keys: Mapping[str, DepartedKey], reached: set[str]) -> dict[str, DepartedKey]:
    """Those that are on nodes which were not reached."""
    left = {
        key: DepartedKey(one.node, tuple(name for name in one.on if name not in reached))
        for key, one in keys.items()
    }
    return {key: one for key, one in left.items() if one.on}


def _policies(spec: Spec) -> str:
    return json.dumps(json.loads(record(spec))) if spec.policies is not None else ""


def journal_path(topology: Path) -> Path:
    return topology.with_suffix(".deploys")


def build_of(built: BuildReader) -> tuple[str, Mapping[str, str]]:
    """What tells this build from others, and the hash of each node's file."""
    files = {name: entry.sha256 for name, entry in built.confs.items()}
    lines = "".join(f"{name}\0{sha}\n" for name, sha in sorted(files.items()))
    return hashlib.sha256(lines.encode()).hexdigest()[:32], files


def operator() -> str:
    """Who deploys, for colleagues."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user id without a name
        user = "somebody"
    return f"{user}@{socket.gethostname()}"


def read_journal(topology: Path) -> DeployJournal | None:
    """None where nothing was deployed yet. Raises: StateError."""
    path = journal_path(topology)
    text = read_regular(path)
    if text is None:
        return None
    try:
        whole = json.loads(text)
        if whole["version"] != VERSION:
            raise ValueError
        return DeployJournal(
            int(whole["serial"]),
            tuple(map(str, whole["builds"])),
            {str(name): _node(one) for name, one in whole["nodes"].items()},
            {str(name): str(sha) for name, sha in whole["files"].items()},
            json.dumps(whole["policies"]) if "policies" in whole else "",
            {str(name): str(key) for name, key in whole.get("keys", {}).items()},
            {
                str(name): None if peers == "all" else tuple(map(str, peers))
                for name, peers in whole.get("peers", {}).items()
            },
            {
                str(key): DepartedKey(str(one["node"]), tuple(map(str, one["on"])))
                for key, one in whole.get("gone", {}).items()
            },
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise StateError(
            f"{path} is not a journal of deploys",
            hint="take the one of the last commit; after a merge, one of the two will do",
        ) from None


def write_journal(topology: Path, journal: DeployJournal) -> None:
    """One entry a line, so that two of them can be merged. Raises: OSError."""
    nodes = {
        name: {
            "interface": one.interface,
            **{key: getattr(one.deploy, key) for key in _WAY},
        }
        for name, one in sorted(journal.nodes.items())
    }
    whole = {
        "version": VERSION,
        "serial": journal.serial,
        "builds": list(journal.builds),
        "nodes": nodes,
        "files": dict(sorted(journal.files.items())),
        "keys": dict(sorted(journal.keys.items())),
        "peers": {n: "all" if p is None else list(p) for n, p in sorted(journal.peers.items())},
        "gone": {
            key: {"node": one.node, "on": list(one.on)} for key, one in sorted(journal.gone.items())
        },
    }
    if journal.policies:
        whole["policies"] = json.loads(journal.policies)
    write_atomic(journal_path(topology), json.dumps(whole, indent=1).encode() + b"\n")


def _node(given: Mapping[str, object]) -> DeployedNode:
    host, user, port = given["host"], given["user"], given["port"]
    way = Deploy(
        host=None if host is None else str(host),
        user=None if user is None else str(user),
        port=None if port is None else int(str(port)),
        become=given["become"] is True,
    )
    return DeployedNode(str(given["interface"]), way)
