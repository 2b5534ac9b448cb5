"""A build without its keys: every file rendered in memory, read back and proven.

The keys are made up from names, the same in every run; they protect nothing and are forgotten.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from meshc.build.proof_findings import placed
from meshc.diagnostics import Diagnostics
from meshc.keys import NetworkSecret, PrivateKey, clamp
from meshc.keystore.ring import kept_here
from meshc.render.node_files import MeshRenderer
from meshc.render.node_secrets import Secrets
from meshc.topology.planner.addressing.lock import Lock
from meshc.topology.planner.analysis import Analysis
from meshc.topology.planner.mesh_plan import MeshPlan
from meshc.topology.planner.planning import plan_mesh
from meshc.topology.proof import NodeFile, expectation, prove
from meshc.wg.conf_reader import ConfReader


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
    diagnostics.extend(list(placed(findings, spec, diagnostics)))


def _files(plan: MeshPlan, secrets: Secrets) -> Iterator[NodeFile]:
    renderer, reader = MeshRenderer(plan, secrets), ConfReader()
    for node in plan.nodes.values():
        for artifact in renderer.node(node)[:1]:
            yield NodeFile(
                node.name, reader.read(artifact.content.reveal().decode(), file=artifact.path)
            )


def _seed(label: str) -> bytes:
    return hashlib.sha256(b"meshc validate: " + label.encode()).digest()
