"""Networks with policies, from text or a tree to what the planner makes of them."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import yaml

from meshc.diagnostics import Diagnostics
from meshc.keystore.ring import made_up
from meshc.render.node_secrets import Secrets
from meshc.render.wgquick import WgQuickRenderer
from meshc.topology.language.load import load_spec
from meshc.topology.language.spec import Spec
from meshc.topology.planner.addressing.lock_text import Lock
from meshc.topology.planner.analysis import Analysis, analyse
from meshc.topology.planner.mesh_plan import MeshPlan
from meshc.topology.planner.planning import plan_mesh
from meshc.topology.proof import NodeFile, Proof, expectation, prove
from meshc.topology.proof.expectation import Expectation
from meshc.wg.conf import parse
from tests.support.policy_oracle import Oracle


class PolicyNetwork(NamedTuple):
    spec: Spec
    analysis: Analysis
    plan: MeshPlan
    secrets: Secrets
    oracle: Oracle
    findings: Diagnostics

    def files(self) -> dict[str, str]:
        """The wg-quick files of the managed nodes."""
        renderer = WgQuickRenderer(self.plan, self.secrets)
        nodes = self.plan.nodes.values()
        return {n.name: renderer.render(n).decode() for n in nodes if n.spec.managed}

    def expected(self) -> Expectation:
        """What the proof holds files against."""
        return expectation(
            self.spec,
            public_keys={name: node.public_key for name, node in self.plan.nodes.items()},
            addresses=self.analysis.allocation.addresses,
        )

    def proof(self, files: dict[str, str]) -> Proof:
        """What the proof says about files, as they are or changed by hand."""
        made = self.expected()
        return prove([NodeFile(name, parse(text)) for name, text in files.items()], made)

    def codes(self, files: dict[str, str]) -> set[str]:
        return {item.code for item in self.proof(files).findings}


# Faults in files with policies: a rule or an element is lost, widened, or lets more pass.
FAULTS = [
    (r"#iptables -A MESHC-S\d+-%i -d .*RETURN\n", ""),
    (r"#iptables -A MESHC-POL-%i -s .*\n", ""),
    (r"-A MESHC-POL-%i -j DROP", "-A MESHC-POL-%i -j RETURN"),
    (r"goto access\n", "accept\n"),
    (r"(?<= return\n#nft )drop\n", "return\n"),
    (r"\S+ : goto from[46]_\d+, ", ""),
    (r"tcp \. 22\b", "tcp . 22-23"),
    (r"--dport 53 ", "--dport 53:54 "),
]


def with_fault(text: str, place: re.Match[str], new: str) -> str:
    """The file with another text in one place."""
    return recounted(text[: place.start()] + new + text[place.end() :])


def recounted(text: str) -> str:
    """The file with the count of its comments made right: else the node would see by itself that
    something is missing, and never come up."""
    count = len(re.findall(r"(?m)^#(?:iptables|ip6tables|nft) ", text))
    return re.sub(r'(?<="\$CONFIG_FILE"\)" = )\d+', str(count), text)


def policy_network(source: str | dict[str, Any]) -> PolicyNetwork:
    """Raises: Refused where the network is."""
    text = source if isinstance(source, str) else yaml.safe_dump(source)
    found = Diagnostics()
    spec = load_spec(text, file="mesh.yaml", diagnostics=found)
    found.barrier()
    assert spec is not None
    analysis = analyse(spec, Lock(), found)
    found.barrier()
    ring = made_up(spec, Lock())
    plan = plan_mesh(spec, analysis.graph, analysis.allocation, ring.public, 1, found,
                     routing=analysis.routing)  # fmt: skip
    addresses = {
        name: [prefix.address for prefix in prefixes]
        for name, prefixes in analysis.allocation.addresses.items()
    }
    return PolicyNetwork(
        spec, analysis, plan, ring.secrets, Oracle(yaml.safe_load(text), addresses), found
    )
