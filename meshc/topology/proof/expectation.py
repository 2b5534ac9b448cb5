"""The expectation: what the proof is told beside the files, facts that no wg-quick file holds.

A file does not say where its node is reached from outside, behind which NAT it sits or which LAN
it is connected to. These come from the topology file. Everything about routes, peers, keys,
addresses and forwarding is read from the emitted files alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from meshc.diagnostics import Location
from meshc.errors import PrefixFormatError
from meshc.keys import PublicKey
from meshc.prefixes import Prefix, parse_address
from meshc.secret import SecretText
from meshc.topology.language.spec import Deploy, Nat, NodeSpec, Output, Platform, Spec
from meshc.topology.obligations.exit_duty import WHOLE, ExitDuty
from meshc.topology.obligations.obligations import Obligations, obligations
from meshc.values import dataclass, field
from meshc.wg.conf import Conf
from meshc.wg.endpoint import Endpoint
from meshc.wg.overhead import UNDERLAY_MTU
from meshc.wg.peer_sections import PeerTable

if TYPE_CHECKING:
    from meshc.topology.proof.router_script import RouterScript

# How the scripts end that a router runs in place of a wg-quick file.
OPENWRT_SCRIPT, ROUTEROS_SCRIPT = ".openwrt.sh", ".rsc"
# Behind these the mapped port is open to anyone, or nothing is known against it.
OPEN_NATS = frozenset({Nat.NONE, Nat.FULL_CONE, Nat.UNKNOWN})
# Behind these a fixed port is open to an address that has been sent to (RFC 4787 section 5).
FILTERING_NATS = frozenset({Nat.RESTRICTED, Nat.PORT_RESTRICTED})


def is_router_script(path: str) -> bool:
    """By the name that `meshc build` gives it."""
    return path.endswith((OPENWRT_SCRIPT, ROUTEROS_SCRIPT))


class ReadOutput(NamedTuple):
    """A file of an output, by `name` in its directory; `file` is its place, for messages."""

    output: str
    name: str
    file: str
    text: SecretText


def output_name(path: str) -> tuple[str, str] | None:
    """(output, name of the file) for a path in a build that is a file of an output; the name may
    have directories."""
    parts = path.split("/", 2)
    return (parts[1], parts[2]) if len(parts) == 3 else None


class NodeFile(NamedTuple):
    """What one node runs, read back. With a `table`, `conf` has no peers: they are in there, one
    object for equal sections. With a `script`, which a router runs, `conf` is that of the script.
    `outputs` are other files for the same tunnel.
    """

    name: str
    conf: Conf
    table: PeerTable | None = None
    script: RouterScript | None = None
    outputs: tuple[ReadOutput, ...] = ()

    def whole(self) -> Conf:
        """The file with its peers."""
        return self.conf if self.table is None else replace(self.conf, peers=self.table.peers())


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """One node's surroundings.

    `endpoints` are where the public internet reaches it (if `nat` allows); `lan_endpoint` is where
    its site does, port 0 meaning its listen port. `listen_port` is the local port, which a router
    may forward another one to; a node with an endpoint always has one. `lans` are the networks
    that it is connected to beside the tunnel. `addresses` matter for nodes without a file only.
    With `policies` the rules of the node say who may begin a connection. An `agent` may begin
    sessions that no file begins. `login` is how it is reached by who administers it.
    """

    name: str
    interface: str = "wg0"
    site: str | None = None
    nat: Nat = Nat.UNKNOWN
    endpoints: tuple[Endpoint, ...] = ()
    lan_endpoint: Endpoint | None = None
    listen_port: int | None = None
    underlay: tuple[int, ...] = (4, 6)
    uplink_mtu: int = UNDERLAY_MTU
    lans: tuple[Prefix, ...] = ()
    routes: tuple[Prefix, ...] = ()
    masquerade: bool = True
    exit_node: bool = False
    exit: str | None = None
    exit_duty: ExitDuty = WHOLE
    kill_switch: bool = False
    relay: bool = False
    agent: bool = False
    platform: Platform = Platform.LINUX
    managed: bool = True
    policies: bool = False
    outputs: tuple[Output, ...] = ()
    login: Deploy = Deploy()
    public_key: PublicKey | None = None
    addresses: tuple[Prefix, ...] = ()
    location: Location | None = field(default=None, compare=False)

    @property
    def has_hooks(self) -> bool:
        """Whether its file can carry PostUp lines, so that forwarding must stand in them."""
        return self.managed and self.platform is Platform.LINUX

    @property
    def open(self) -> bool:
        """Whether anybody may send to its endpoints first."""
        return bool(self.endpoints) and self.nat in OPEN_NATS

    @property
    def fixed(self) -> bool:
        """Whether its endpoints answer those whom it has sent something."""
        return bool(self.endpoints) and self.nat in FILTERING_NATS


@dataclass(frozen=True, slots=True)
class Expectation:
    """What should hold. `nodes` is sorted by name and holds unmanaged ones too."""

    nodes: Mapping[str, NodeFacts]
    pools: tuple[Prefix, ...] = ()
    obligations: Obligations = Obligations()
    domain: str | None = None
    file: str = ""


def expectation(
    spec: Spec,
    *,
    public_keys: Mapping[str, PublicKey] = MappingProxyType({}),
    addresses: Mapping[str, tuple[Prefix, ...]] = MappingProxyType({}),
) -> Expectation:
    """The facts of a `Spec`; `public_keys` and `addresses` come from the lock file and fill in
    for nodes whose key is kept elsewhere and for nodes without a file."""
    owed = obligations(spec, addresses)
    nodes = {
        name: _facts(
            spec,
            node,
            public_keys.get(name),
            addresses.get(name, ()),
            owed.exits.get(name, WHOLE),
        )
        for name, node in sorted(spec.nodes.items())
    }
    if owed.access is not None:
        for name, facts in nodes.items():
            # an exit that no rule lets it use is none
            if facts.exit and not owed.access.online((*owed.around.addresses[name], *facts.routes)):
                nodes[name] = replace(facts, exit=None)
    return Expectation(
        nodes=nodes,
        pools=spec.network.pools,
        obligations=owed,
        domain=spec.network.domain,
        file=spec.file,
    )


def _facts(
    spec: Spec,
    node: NodeSpec,
    key: PublicKey | None,
    addresses: tuple[Prefix, ...],
    exit_duty: ExitDuty,
) -> NodeFacts:
    site = spec.sites.get(node.site) if node.site else None
    return NodeFacts(
        name=node.name,
        interface=spec.network.interface,
        site=node.site,
        nat=node.nat,
        endpoints=node.endpoints,
        lan_endpoint=node.lan_endpoint,
        listen_port=node.listen_port,
        underlay=node.underlay,
        uplink_mtu=node.uplink_mtu or UNDERLAY_MTU,
        lans=tuple(dict.fromkeys((*(site.lan if site else ()), *node.routes))),
        routes=node.routes,
        masquerade=node.masquerade,
        exit_node=node.exit_node,
        exit=node.exit,
        exit_duty=exit_duty,
        # where wg-quick runs, and keeps the tunnel's default route in a table of its own; what
        # `exit_except` leaves out goes out in clear text by wish, and there is no such table
        kill_switch=node.kill_switch
        and node.exit is not None
        and not node.exit_except
        and node.table is None
        and node.platform is Platform.LINUX,
        relay=node.is_relay,
        agent=node.runs_agent,
        platform=node.platform,
        managed=node.managed,
        policies=spec.policies is not None and node.filters,
        outputs=node.outputs,
        login=node.deploy,
        public_key=node.public_key or key,
        addresses=node.addresses or addresses,
        location=node.at(),
    )


@lru_cache(maxsize=1 << 14)
def literal_family(host: str) -> int | None:
    """4 or 6 for a literal address, None for a host name."""
    try:
        return parse_address(host).version
    except PrefixFormatError:
        return None
