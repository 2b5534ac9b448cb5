"""Private keys that live on their node: made there on the first deploy, and only the public key
comes back, into the lock file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from meshc.build.lock_file import read_lock, write_lock
from meshc.build.pipeline import compile_file
from meshc.build.topology_file import read_spec
from meshc.build.workspace import Workspace
from meshc.deploy.connect.dial import Dial
from meshc.deploy.connect.node_session import PasswordNeededError
from meshc.deploy.plan.selection import meant, selected
from meshc.deploy.plan.target import Target
from meshc.deploy.protocol import MakeKey, NodeKey
from meshc.diagnostics import Diagnostics
from meshc.errors import KeyFormatError, NodeError, StateError
from meshc.keys import PublicKey
from meshc.secret import SecretText
from meshc.topology.language.spec import NodeSpec, Platform, Spec
from meshc.topology.planner.addressing.lock_text import Lock, LockedNode
from meshc.topology.planner.mesh_plan import NodePlan


async def fetch_keys(
    file: Path,
    build: Path | None,
    names: Sequence[str],
    dial: Dial,
    *,
    left_out: Sequence[str] = (),
    local: bool = False,
    skip_unreachable: bool = False,
) -> list[str]:
    """Completes the lock file with public keys that only the nodes know, then builds; a
    sentence for each. Does nothing, and connects to nobody, when all are known. With
    `skip_unreachable` a node that cannot be asked is one of the sentences; what is missing then is
    said by the build.

    Raises: Refused, StateError, NodeError.
    """
    workspace = Workspace(file)
    diagnostics = Diagnostics()
    spec = read_spec(file, diagnostics)
    lock = read_lock(workspace.lock_file, diagnostics)
    keyless = _keyless(spec, lock, names, left_out)
    said, nodes = [], dict(lock.nodes)
    for node in keyless:
        try:
            answer = await _ask(spec, node, dial, local=local)
            public = PublicKey.parse(answer.public_key)
        except (NodeError, KeyFormatError) as error:
            if not skip_unreachable or isinstance(error, PasswordNeededError):
                raise
            said.append(f"{node.name}: its key is not known: {error}")
            continue
        nodes[node.name] = replace(nodes.get(node.name, LockedNode()), public_key=public)
        made = "made a private key in" if answer.made else "has a private key in"
        said.append(f"{node.name}: {made} {node.private_key_file}; public key {public}")
    if keyless:
        with workspace.locked():
            write_lock(workspace.lock_file, replace(lock, nodes=dict(sorted(nodes.items()))))
        compile_file(file, out=build)
    return said


def _keyless(
    spec: Spec, lock: Lock, names: Sequence[str], left_out: Sequence[str]
) -> list[NodeSpec]:
    out = {one for name in left_out for one in meant(spec, name)}
    among = set(selected(spec, names) if names else spec.nodes) - out
    return [
        node
        for name, node in spec.nodes.items()
        if name in among
        and node.managed
        and node.platform is Platform.LINUX
        and node.private_key_file
        and node.public_key is None
        and (name not in lock.nodes or lock.nodes[name].public_key is None)
    ]


async def _ask(spec: Spec, node: NodeSpec, dial: Dial, *, local: bool) -> NodeKey:
    if not node.deploy.host and not local:
        raise StateError(
            f"{node.name} keeps its private key, and does not say how it is reached",
            hint="give it `deploy: {host: ...}`, or write its `public_key` into the topology",
        )
    nobody = PublicKey("")
    plan = NodePlan(node, spec.network.interface, nobody, (), None, 0, ())
    session = await dial(Target(plan, SecretText("")))
    try:
        # as wg-quick will read it: %i is the interface in every line that it runs
        path = (node.private_key_file or "").replace("%i", plan.interface)
        return await session.call(MakeKey(path))
    finally:
        await session.transport.close()
