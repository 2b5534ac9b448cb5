"""A build without its keys: every file rendered in memory, read back and proven.

The keys are made up from names, the same in every run; they protect nothing and are forgotten.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

from meshc.conf import ConfReader
from meshc.diagnostics import Diagnostic, Diagnostics, Location
from meshc.keys import NetworkSecret, PrivateKey, clamp
from meshc.render.mesh import MeshRenderer
from meshc.render.secrets import Secrets
from meshc.topology.analyse import Analysis
from meshc.topology.locked import Lock
from meshc.topology.plan import MeshPlan
from meshc.topology.plan_mesh import plan_mesh
from meshc.topology.spec import Spec
from meshc.topology.verify import NodeFile, expectation, prove
from meshc.workspace.keyring import kept_here


def rehearse(analysis: Analysis, lock: Lock, diagnostics: Diagnostics) -> None:
    """Adds what the proof finds, at places in the topology file. Raises: Refused."""
    spec = analysis.spec
    private = {
        node.name: PrivateKey(clamp(_seed(f"key of {node.name}")))
        for node in spec.nodes.values()
        if kept_here(node)
    }
    public = {name: key.public_key() for name, key in private.items()}
    for node in spec.nodes.values():
        known = lock.nodes.get(node.name)
        key = node.public_key or (known.public_key if known else None)
        if node.name not in private and key is not None:
            public[node.name] = key
    plan = plan_mesh(
        spec,
        analysis.graph,
        analysis.allocation,
        public,
        lock.epoch,
        diagnostics,
        routing=analysis.routing,
    )
    secrets = Secrets(private, NetworkSecret(_seed("network")))
    promised = expectation(spec, public_keys=public, addresses=analysis.allocation.addresses)
    findings = prove(_files(plan, secrets), promised).findings
    weak = {found.path for found in diagnostics if found.code == "W220"}
    for found in findings:
        # the graph has said the same about this relay already, at its line
        if found.code != "W418" or f"{found.path}.role" not in weak:
            diagnostics.extend([_placed(found, spec)])


def _files(plan: MeshPlan, secrets: Secrets) -> Iterator[NodeFile]:
    renderer, reader = MeshRenderer(plan, secrets), ConfReader()
    for node in plan.nodes.values():
        for artifact in renderer.node(node)[:1]:
            yield NodeFile(node.name, reader.read(artifact.content.decode(), file=artifact.path))


def _placed(found: Diagnostic, spec: Spec) -> Diagnostic:
    """A finding about a file that exists in memory only, moved to the node that it is about."""
    if found.location is not None and found.location.file == spec.file:
        return found
    node = spec.nodes.get(found.path.removeprefix("nodes."))
    at = node.at() if node else None
    trace = found.trace
    if found.location is not None:
        trace = (*trace, f"seen in what would be {found.location}")
    return replace(found, location=at or Location(spec.file, 1, 1), trace=trace)


def _seed(label: str) -> bytes:
    return hashlib.sha256(b"meshc validate: " + label.encode()).digest()
