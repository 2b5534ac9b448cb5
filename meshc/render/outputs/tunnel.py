"""A tunnel on its way into an output: what all outputs are written from."""

from __future__ import annotations

from dataclasses import replace

from meshc.keys import PrivateKey
from meshc.prefixes import Prefix
from meshc.render.firewall.hook_lines import Hooks
from meshc.render.name_servers import name_servers
from meshc.render.node_secrets import Secrets
from meshc.render.router_peers import RouterPeer, router_peers
from meshc.render.wgquick import all_hooks, private_key_hooks
from meshc.secret import SecretText
from meshc.topology.language.spec import KILL_MARK
from meshc.topology.planner.mesh_plan import MeshPlan, NodePlan
from meshc.values import dataclass

MAIN = 254
"""The number of the main table (/etc/iproute2/rt_tables)."""
_TABLES = {"main": MAIN, "default": 253, "local": 255}


class OutputRefusedError(Exception):
    """What a program cannot do; the message follows the node's name and a colon."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class OutputFile:
    """`name` is that in the directory of the output; `purpose` is for the manifest."""

    name: str
    text: SecretText
    purpose: str
    secret: bool


@dataclass(frozen=True, slots=True)
class Tunnel:
    """`node` with everything that its wg-quick file holds: `hooks` are all of its lines but the one
    that fetches the private key, `servers` its name servers and search domains, `conf` the
    wg-quick file itself. `network` is the name of the network."""

    node: NodePlan
    network: str
    private_key: PrivateKey | None
    peers: tuple[RouterPeer, ...]
    servers: tuple[str, ...]
    hooks: Hooks
    conf: SecretText

    @property
    def interface(self) -> str:
        return self.node.interface

    @property
    def own_table(self) -> tuple[int, ...]:
        """The families whose default route goes into the tunnel, past WireGuard's own packets."""
        if self.node.spec.table is not None:
            return ()
        return tuple(
            sorted({p.family for peer in self.peers for p in peer.allowed_ips if not p.length})
        )

    @property
    def mark(self) -> int | None:
        """That of WireGuard's own packets, as wg-quick(8) chooses it."""
        given = self.node.spec.kill_mark or self.node.hold_mark or self.node.spec.fwmark
        return given or (KILL_MARK if self.own_table else None)

    def table_of(self, prefix: Prefix) -> int | None:
        """The routing table of a prefix; None where it becomes no route.

        Raises: OutputRefusedError for a table that only the node knows by its name.
        """
        written = self.node.spec.table
        if written is None:
            return self.mark if not prefix.length else MAIN
        if written == "off":
            return None
        number = _TABLES.get(written) or (int(written) if written.isdigit() else 0)
        if not number:
            raise OutputRefusedError(
                f"routing table {written!r} is a name that only the node itself can look up",
                "give the number of the table",
            )
        return number


def tunnel_of(plan: MeshPlan, node: NodePlan, secrets: Secrets, conf: SecretText) -> Tunnel:
    """The tunnel of one node; `conf` is its wg-quick file. Raises: Refused."""
    hooks = all_hooks(node, plan.spec.network.pools)
    return Tunnel(
        node=node,
        network=plan.spec.network.name,
        private_key=secrets.private_keys.get(node.name),
        peers=tuple(router_peers(plan, node, secrets)),
        servers=name_servers(plan, node),
        hooks=replace(hooks, post_up=hooks.post_up[len(private_key_hooks(node)) :]),
        conf=conf,
    )
