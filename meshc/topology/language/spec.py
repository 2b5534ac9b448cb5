"""The resolved meaning of a topology file: frozen, sorted, comparable.

`schema/` holds the language as users write it; `resolve/` applies the precedence
node > group > site > defaults > network and makes these values. Everything after this
module works on them and never sees YAML.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from meshc.diagnostics import Location
from meshc.keys import PublicKey
from meshc.prefixes import Prefix
from meshc.values import dataclass, field
from meshc.wg.endpoint import Endpoint

KILL_MARK = 51820
"""What wg-quick(8) takes when nobody says otherwise."""


class Nat(Enum):
    """How the router in front of a node maps and filters (RFC 3489 section 5, RFC 4787)."""

    NONE = "none"
    FULL_CONE = "full_cone"
    RESTRICTED = "restricted"
    PORT_RESTRICTED = "port_restricted"
    SYMMETRIC = "symmetric"
    UNKNOWN = "unknown"


class Role(Enum):
    PEER = "peer"
    RELAY = "relay"


class Platform(Enum):
    LINUX = "linux"
    MACOS = "macos"
    WINDOWS = "windows"
    IOS = "ios"
    ANDROID = "android"
    OPENWRT = "openwrt"
    ROUTEROS = "routeros"


_FILTERING = frozenset({Platform.LINUX, Platform.OPENWRT, Platform.ROUTEROS})


class Output(Enum):
    """What a Linux node gets beside its wg-quick file: the same tunnel for what else runs there."""

    NETWORKD = "networkd"
    NETWORKMANAGER = "networkmanager"
    COMPOSE = "compose"
    CLOUD_INIT = "cloud-init"
    CLOUD_INIT_WITH_KEYS = "cloud-init-with-keys"
    NIXOS = "nixos"
    KUBERNETES = "kubernetes"
    ANSIBLE = "ansible"


class FirewallTool(Enum):
    """What loads a node's rules; `auto` takes the one that the node has when it comes up."""

    AUTO = "auto"
    IPTABLES = "iptables"
    NFTABLES = "nftables"


class DirectMode(Enum):
    """What `direct` says when it is not a list."""

    ALL = "all"
    RELAYS = "relays"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Deploy:
    """How `meshc deploy` reaches a node and what it runs there."""

    host: str | None = None
    user: str | None = None
    port: int | None = None
    become: bool = False
    engine: str = "auto"
    supervisor: str = "auto"
    watch: bool = True


@dataclass(frozen=True, slots=True)
class SiteSpec:
    """A place behind one NAT."""

    name: str
    nat: Nat = Nat.UNKNOWN
    lan: tuple[Prefix, ...] = ()
    location: Location | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSpec:
    """One node with every key resolved. Addresses may still be missing (then allocated).

    `endpoints` are in the order of the file, each with its port filled in. `lan_endpoint` has
    port 0 when the file gives none: the allocated listen port is used. `listen_port` is the port
    that the file gives in any way, if only by the endpoints; None when it gives none. `underlay`
    is the families in which this node speaks to the internet. `exit_except` is what stays out of
    the tunnel of an exit's user, words replaced by what they mean; empty for all others.
    `keepalive_asked` tells seconds that the file gives this node from those of the network.
    """

    name: str
    role: Role = Role.PEER
    site: str | None = None
    nat: Nat = Nat.UNKNOWN
    endpoints: tuple[Endpoint, ...] = ()
    lan_endpoint: Endpoint | None = None
    underlay: tuple[int, ...] = (4, 6)
    addresses: tuple[Prefix, ...] = ()
    routes: tuple[Prefix, ...] = ()
    masquerade: bool = True
    exit_node: bool = False
    exit: str | None = None
    exit_except: tuple[Prefix, ...] = ()
    kill_switch: bool = False
    via: tuple[str, ...] = ()
    direct: DirectMode | tuple[str, ...] = DirectMode.ALL
    platform: Platform = Platform.LINUX
    public_key: PublicKey | None = None
    private_key_file: str | None = None
    private_key_command: str | None = None
    recipient: str | None = None
    managed: bool = True
    listen_port: int | None = None
    open_port: bool = False
    mtu: int | None = None
    uplink_mtu: int | None = None
    dns: tuple[str, ...] = ()
    table: str | None = None
    fwmark: int | None = None
    keepalive: int = 25
    keepalive_asked: bool = False
    always_on: bool = True
    pre_up: tuple[str, ...] = ()
    post_up: tuple[str, ...] = ()
    pre_down: tuple[str, ...] = ()
    post_down: tuple[str, ...] = ()
    deploy: Deploy = Deploy()
    groups: tuple[str, ...] = ()
    firewall: FirewallTool = FirewallTool.AUTO
    agent: bool = False
    outputs: tuple[Output, ...] = ()
    locations: Mapping[str, Location] = field(
        default_factory=dict, compare=False, hash=False, repr=False
    )

    @property
    def kill_mark(self) -> int | None:
        """The mark by which a kill switch knows WireGuard's own packets; None where there is no
        such switch: without an exit there is nothing to hold back, and only wg-quick's own
        table keeps the two apart, and it is used for a whole default route only."""
        wanted = self.kill_switch and self.exit is not None and self.table is None
        if not wanted or self.exit_except or self.platform is not Platform.LINUX:
            return None
        return self.fwmark or KILL_MARK

    @property
    def runs_agent(self) -> bool:
        """Whether something on it can move prefixes from one peer to another at run time."""
        return self.agent and self.managed and self.platform is Platform.LINUX

    @property
    def is_relay(self) -> bool:
        return self.role is Role.RELAY

    @property
    def filters(self) -> bool:
        """Whether its file can hold it to the policies of the network."""
        return self.managed and self.platform in _FILTERING

    @property
    def is_guard(self) -> bool:
        """Whether it filters for others what it forwards, and so is trusted with its own packets
        to those who cannot filter."""
        return self.filters and (self.is_relay or self.exit_node)

    def at(self, key: str = "") -> Location | None:
        """Where the file sets `key` of this node (or of its group, its site or the defaults),
        else where the node begins. `key` may name an item of a list: `routes[1]`."""
        return self.locations.get(key) or self.locations.get("")


@dataclass(frozen=True, slots=True)
class LinkSpec:
    """An override for one pair: `direct: false` forbids the link, true demands it.
    `preshared_key` as text is the name of a given key, which is used as it is."""

    a: str
    b: str
    direct: bool | None = None
    preshared_key: bool | str | None = None
    keepalive: int | None = None
    location: Location | None = field(default=None, compare=False)


class Service(NamedTuple):
    """What of a packet a rule looks at: `protocol` is tcp, udp, icmp (of both families) or all;
    the ports, both included, are those of tcp and udp."""

    protocol: str = "all"
    first: int = 0
    last: int = 65535

    def __str__(self) -> str:
        if (self.first, self.last) == (0, 65535):
            return self.protocol
        ports = str(self.first) if self.first == self.last else f"{self.first}-{self.last}"
        return f"{self.protocol}/{ports}"


EVERYTHING = Service()


@dataclass(frozen=True, slots=True)
class PolicyEnd:
    """One side of a rule, with groups and sites resolved: nodes at their tunnel addresses,
    prefixes of nodes and of the LANs behind them, and what lies behind exits."""

    nodes: tuple[str, ...] = ()
    prefixes: tuple[Prefix, ...] = ()
    internet: bool = False


@dataclass(frozen=True, slots=True)
class PolicySpec:
    """One rule of `policies:`. `excluded` is taken out of both sides."""

    sources: PolicyEnd
    targets: PolicyEnd
    services: tuple[Service, ...] = (EVERYTHING,)
    excluded: PolicyEnd = PolicyEnd()
    why: str = ""
    index: int = 0
    location: Location | None = field(default=None, compare=False)


class Expect(Enum):
    REACHABLE = "reachable"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class TestSpec:
    """One line of `tests:`.

    `sources` and `targets` are node names (groups are expanded) or prefixes as text, which always
    hold a `/`; `via` is the relays that the path must take, in order: an empty tuple means
    direct, None no condition. Without a `service` any that arrives will do.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    expect: Expect
    via: tuple[str, ...] | None = None
    location: Location | None = field(default=None, compare=False)
    service: Service | None = None

    __test__ = False  # not a pytest class


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One line of `accept:`: the warnings with this code, about one node where it names one."""

    code: str
    node: str | None
    why: str
    location: Location | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """The network as a whole. `mtu` None means auto."""

    name: str
    pools: tuple[Prefix, ...]
    domain: str | None = None
    interface: str = "wg0"
    listen_port: int = 51820
    keepalive: int = 25
    mtu: int | None = None
    dns: tuple[str, ...] = ()
    preshared_keys: bool = True
    firewall: str = "auto"
    kill_switch: bool = False
    agent: bool = False
    locations: Mapping[str, Location] = field(
        default_factory=dict, compare=False, hash=False, repr=False
    )


@dataclass(frozen=True, slots=True)
class KeysSpec:
    """Where the network's secrets are kept: `plain`, `age` with its recipients, or `command`."""

    store: str = "plain"
    recipients: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LabPlace:
    """What the lab simulates between a place and the internet, each way."""

    latency_ms: float = 0.0
    jitter_ms: float = 0.0
    loss_percent: float = 0.0
    bandwidth_kbit: int | None = None
    double_nat: bool = False


@dataclass(frozen=True, slots=True)
class LabSpec:
    """The `lab:` section: the uplinks of sites and nodes, with `default` for the rest.
    It changes no configuration."""

    default: LabPlace = LabPlace()
    sites: Mapping[str, LabPlace] = field(default_factory=dict)
    nodes: Mapping[str, LabPlace] = field(default_factory=dict)

    def place(self, *, node: str, site: str | None) -> LabPlace:
        """The uplink of a node: its own, else its site's, else the default."""
        return self.nodes.get(node) or self.sites.get(site or "") or self.default


@dataclass(frozen=True, slots=True)
class Spec:
    """A whole file; every mapping is sorted by name.

    Without `policies` (None) everybody reaches everybody; with them, only what some rule allows
    passes. `absent` are the nodes that the file holds and leaves out: not enabled, or expired.
    Nothing else here names them; what is kept for them stays theirs. `last_days` are the dates
    (2027-01-31) of all that expire, of absent nodes too.
    """

    network: NetworkSpec
    nodes: Mapping[str, NodeSpec]
    sites: Mapping[str, SiteSpec]
    groups: Mapping[str, tuple[str, ...]]
    links: tuple[LinkSpec, ...] = ()
    tests: tuple[TestSpec, ...] = ()
    lab: LabSpec = LabSpec()
    policies: tuple[PolicySpec, ...] | None = None
    absent: frozenset[str] = frozenset()
    last_days: Mapping[str, str] = field(default_factory=dict, hash=False)
    accept: tuple[Acceptance, ...] = ()
    keys: KeysSpec = KeysSpec()
    file: str = field(default="", compare=False)
