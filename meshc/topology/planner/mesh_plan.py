"""What every node must have: the value between analysis and output.

A plan holds public keys only; secrets are joined in when files are written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from meshc.keys import PublicKey
from meshc.prefixes import InterfaceAddress, Prefix
from meshc.topology.language.spec import NodeSpec, Spec
from meshc.topology.planner.agent_plan import AgentPlan
from meshc.topology.planner.policy.flow_rules import FamilyRules
from meshc.values import dataclass
from meshc.wg.endpoint import Endpoint


class PeerPlan(NamedTuple):
    """One [Peer] section. A named tuple, and shared between nodes where it is equal:
    a full mesh of a thousand nodes has a million of them. `maybe`: nobody begins a session, unless
    agents do."""

    name: str
    public_key: PublicKey
    allowed_ips: tuple[Prefix, ...]
    endpoint: Endpoint | None
    keepalive: int | None
    preshared: bool
    maybe: bool = False


@dataclass(frozen=True, slots=True)
class Forwarding:
    """What a node must forward. `families` are those in use (4, 6).

    relay: between peers of the mesh interface; lans: prefixes behind this node that the mesh
    may reach (masqueraded unless `masquerade` is false); exit: the internet for `users` (the
    addresses and LANs of those that named this exit), masqueraded out of the interface with the
    default route, which is found on the node.
    """

    families: tuple[int, ...] = ()
    pools: tuple[Prefix, ...] = ()
    relay: bool = False
    lans: tuple[Prefix, ...] = ()
    masquerade: bool = True
    exit: bool = False
    users: tuple[Prefix, ...] = ()
    clamp_mss: bool = False

    @property
    def needed(self) -> bool:
        return self.relay or bool(self.lans) or self.exit


@dataclass(frozen=True, slots=True)
class NodePlan:
    """Everything that one node needs. `addresses` are hosts (/32, /128) on every node: routes
    come from AllowedIPs alone. `peers` are sorted by name. `firewall` is what `forwarding` means,
    as rules, one value a family; `agent` is what its agent may change, if it has one. `hold_mark`
    says that IPv6 is held back (`render.firewall.ipv6_hold`): the mark of what may pass."""

    spec: NodeSpec
    interface: str
    public_key: PublicKey
    addresses: tuple[InterfaceAddress, ...]
    listen_port: int | None
    mtu: int
    peers: tuple[PeerPlan, ...]
    forwarding: Forwarding = Forwarding()
    firewall: tuple[FamilyRules, ...] = ()
    agent: AgentPlan | None = None
    hold_mark: int | None = None

    @property
    def name(self) -> str:
        return self.spec.name


@dataclass(frozen=True, slots=True)
class MeshPlan:
    """The whole network; `nodes` is sorted by name and holds unmanaged ones too.
    `epoch` is the number that a rotation of the pre-shared keys counts up."""

    spec: Spec
    nodes: Mapping[str, NodePlan]
    epoch: int = 1
