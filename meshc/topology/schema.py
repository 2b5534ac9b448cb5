"""The language exactly as users write it, with every key and its description.

pydantic 2 reads it (and makes the JSON Schema that editors complete from). The sections are
typed dictionaries, so that what comes out holds just the keys that the file gives: precedence
between node, group, site and defaults is then a merge of dictionaries.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Required

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    TypeAdapter,
    WithJsonSchema,
)
from typing_extensions import TypedDict

from meshc.errors import PrefixFormatError
from meshc.keys import PublicKey
from meshc.prefixes import InterfaceAddress
from meshc.topology import scalars as s
from meshc.topology.words import quote

STRICT = ConfigDict(extra="forbid")
LANGUAGE_VERSION = 1


def _comma_list(value: Any) -> Any:
    """Every list also takes one comma-separated text."""
    if isinstance(value, str):
        value = [item.strip() for item in value.split(",")]
        if not any(value):
            raise s.problem("E112", "expected a list, got an empty text", "write [] for none.")
    if not isinstance(value, list):
        raise s.expected("a list or a comma-separated text", value)
    return value


def _line_list(value: Any) -> Any:
    """A list, or one text: commands hold commas."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        raise s.expected("a command or a list of commands", value)
    return value


def _direct(value: Any) -> Any:
    """`all`, `relays`, `none`, or names."""
    if isinstance(value, str) and value in ("all", "relays", "none"):
        return [f"={value}"]
    return _comma_list(value)


def _direct_item(value: Any) -> str:
    return value if isinstance(value, str) and value[:1] == "=" else s.name(value)


def _via_test(value: Any) -> Any:
    return [] if value == "direct" and isinstance(value, str) else _comma_list(value)


def _end(value: Any) -> str:
    """One end of a test: a node, a group or an address."""
    word = s.text(value)
    if s.name_fault(word) and not _is_prefix(word):
        raise s.problem("E117", f"{quote(word)} is neither a name nor an address")
    return word


def _is_prefix(word: str) -> bool:
    try:
        InterfaceAddress.parse(word)
    except PrefixFormatError:
        return False
    return True


def _none_or_name(value: Any) -> str | None:
    return None if value == "none" and isinstance(value, str) else s.name(value)


def _listed(item: dict[str, Any]) -> WithJsonSchema:
    """JSON Schema of a list that also takes comma-separated text."""
    return WithJsonSchema({"anyOf": [{"type": "array", "items": item}, {"type": "string"}]})


_TEXT: dict[str, Any] = {"type": "string"}
_NAME_ITEM: dict[str, Any] = {"type": "string", "pattern": s.NAME_PATTERN}
_KEY_ITEM: dict[str, Any] = {"type": "string", "pattern": "^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$"}

Text = Annotated[str, PlainValidator(s.text), WithJsonSchema(_TEXT)]
Setting = Annotated[str, PlainValidator(s.setting), WithJsonSchema(_TEXT)]
AbsolutePath = Annotated[
    str, PlainValidator(s.absolute_path), WithJsonSchema({"type": "string", "pattern": "^/"})
]
Name = Annotated[str, PlainValidator(s.name), WithJsonSchema(_NAME_ITEM)]
Bool = Annotated[bool, PlainValidator(s.boolean), WithJsonSchema({"type": "boolean"})]
Port = Annotated[
    int,
    PlainValidator(s.integer(1, 65535, "a port number")),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 65535}),
]
Keepalive = Annotated[
    int,
    PlainValidator(s.keepalive),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 65535}, {"const": "off"}]}
    ),
]
Mtu = Annotated[
    int | None,
    PlainValidator(s.mtu),
    WithJsonSchema(
        {"anyOf": [{"const": "auto"}, {"type": "integer", "minimum": 576, "maximum": 65535}]}
    ),
]
DomainName = Annotated[str, PlainValidator(s.dns_name), WithJsonSchema(_TEXT)]
Interface = Annotated[
    str,
    PlainValidator(s.interface),
    WithJsonSchema({"type": "string", "pattern": "^[a-zA-Z0-9_=+.][a-zA-Z0-9_=+.-]{0,14}$"}),
]
Prefixes = Annotated[
    list[Annotated[InterfaceAddress, PlainValidator(s.routed_prefix)]],
    BeforeValidator(_comma_list),
    _listed(_TEXT),
]
Addresses = Annotated[
    list[Annotated[InterfaceAddress, PlainValidator(s.prefix)]],
    BeforeValidator(_comma_list),
    _listed(_TEXT),
]
Endpoints = Annotated[
    list[Annotated[s.WrittenEndpoint, PlainValidator(s.endpoint)]],
    BeforeValidator(_comma_list),
    _listed(_TEXT),
]
OneEndpoint = Annotated[s.WrittenEndpoint, PlainValidator(s.endpoint), WithJsonSchema(_TEXT)]
Names = Annotated[list[Name], BeforeValidator(_comma_list), _listed(_NAME_ITEM)]
Dns = Annotated[
    list[Annotated[str, PlainValidator(s.address_or_domain)]],
    BeforeValidator(_comma_list),
    _listed(_TEXT),
]
Hooks = Annotated[
    list[Setting],
    BeforeValidator(_line_list),
    WithJsonSchema({"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}),
]
Direct = Annotated[
    list[Annotated[str, PlainValidator(_direct_item)]],
    BeforeValidator(_direct),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": ["all", "relays", "none"]},
                {"type": "array", "items": _NAME_ITEM},
                _TEXT,
            ]
        }
    ),
]
Key = Annotated[PublicKey, PlainValidator(s.public_key), WithJsonSchema(_KEY_ITEM)]
Table = Annotated[
    str | None,
    PlainValidator(s.table),
    WithJsonSchema({"anyOf": [_TEXT, {"type": "integer", "minimum": 1}]}),
]
Fwmark = Annotated[
    int,
    PlainValidator(s.fwmark),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0, "maximum": 0xFFFFFFFF}, _TEXT]}),
]
Exit = Annotated[str | None, PlainValidator(_none_or_name), WithJsonSchema(_NAME_ITEM)]
Ends = Annotated[
    list[Annotated[str, PlainValidator(_end)]], BeforeValidator(_comma_list), _listed(_TEXT)
]
TestVia = Annotated[
    list[Name],
    BeforeValidator(_via_test),
    _listed(_NAME_ITEM),
]


def _words(*words: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "enum": list(words)})


_NATS = ("none", "full_cone", "restricted", "port_restricted", "symmetric", "unknown")
_PLATFORMS = ("linux", "macos", "windows", "ios", "android", "openwrt", "routeros")
_FAMILIES = ("ipv4", "ipv6")
_EXPECTS = ("reachable", "unreachable")
_SUPERVISORS = ("auto", "wg-quick", "systemd", "meshc")
NatWord = Annotated[str, PlainValidator(s.choice(*_NATS)), _words(*_NATS)]
RoleWord = Annotated[
    str,
    PlainValidator(s.choice("peer", "relay", bounce="relay")),
    _words("peer", "relay", "bounce"),
]
PlatformWord = Annotated[str, PlainValidator(s.choice(*_PLATFORMS)), _words(*_PLATFORMS)]
FamilyWord = Annotated[str, PlainValidator(s.choice(*_FAMILIES)), _words(*_FAMILIES)]
ExpectWord = Annotated[str, PlainValidator(s.choice(*_EXPECTS)), _words(*_EXPECTS)]
SupervisorWord = Annotated[str, PlainValidator(s.choice(*_SUPERVISORS)), _words(*_SUPERVISORS)]
Families = Annotated[
    list[FamilyWord],
    BeforeValidator(_comma_list),
    _listed({"type": "string", "enum": ["ipv4", "ipv6"]}),
]
Milliseconds = Annotated[
    float,
    PlainValidator(
        s.quantity({"": 1, "ms": 1, "us": 0.001, "s": 1000}, "a time such as 20ms", 60_000)
    ),
    WithJsonSchema({"type": ["string", "number"]}),
]
Percent = Annotated[
    float,
    PlainValidator(s.quantity({"": 1, "%": 1}, "a percentage such as 0.5%", 100)),
    WithJsonSchema({"type": ["string", "number"]}),
]
Kilobits = Annotated[
    float,
    PlainValidator(
        s.quantity({"kbit": 1, "mbit": 1e3, "gbit": 1e6}, "a bandwidth such as 100mbit", 1e9)
    ),
    WithJsonSchema(_TEXT),
]


def _about(description: str, *, examples: list[Any] | None = None) -> Any:
    return Field(description=description, examples=examples)


class DeploySection(TypedDict, total=False):
    """How `meshc deploy` reaches a node, and what runs there."""

    __pydantic_config__ = STRICT  # type: ignore[misc]
    host: Annotated[
        Annotated[str, PlainValidator(s.login_host), WithJsonSchema(_TEXT)],
        _about("Where SSH reaches the node: a name, an address or an alias of ssh_config."),
    ]
    user: Annotated[
        Annotated[str, PlainValidator(s.user), WithJsonSchema(_TEXT)], _about("The SSH user.")
    ]
    port: Annotated[Port, _about("The SSH port.")]
    become: Annotated[Bool, _about("Run commands through sudo.")]
    engine: Annotated[
        Annotated[str, PlainValidator(s.engine), WithJsonSchema(_TEXT)],
        _about("The WireGuard to use: auto, kernel, bundled, or the path of another one."),
    ]
    supervisor: Annotated[SupervisorWord, _about("What starts the tunnel when the node boots.")]


class NodeKeys(TypedDict, total=False):
    """The keys that a node, a group, a site and `defaults` can hold; the nearest wins."""

    role: Annotated[
        RoleWord,
        _about(
            "peer (default) or relay; only relays forward for others. "
            "bounce is another word for relay."
        ),
    ]
    nat: Annotated[
        NatWord,
        _about(
            "How the router in front maps and filters (default unknown). A node with "
            "an endpoint behind a forwarded port is full_cone."
        ),
    ]
    underlay: Annotated[
        Families,
        _about(
            "The address families in which the node speaks to the internet; by "
            "default those of its literal endpoints, else both."
        ),
    ]
    masquerade: Annotated[
        Bool,
        _about(
            "Hide the sources of tunnel traffic from the LANs in `routes` (default true, "
            "because LAN hosts rarely have a route back)."
        ),
    ]
    exit_node: Annotated[Bool, _about("Offer a default route to the internet, IPv4 and IPv6.")]
    exit: Annotated[
        Exit,
        _about(
            "The exit node whose default route this node uses, IPv4 and IPv6; none "
            "undoes what a group or site says."
        ),
    ]
    via: Annotated[Names, _about("Relays in order of preference.")]
    direct: Annotated[
        Direct,
        _about(
            "The direct links that this node may use: all (default), relays, none, or "
            "a list of nodes and groups."
        ),
    ]
    platform: Annotated[PlatformWord, _about("Decides which files the node gets (default linux).")]
    private_key_file: Annotated[
        AbsolutePath, _about("The node keeps its private key in this file; meshc never sees it.")
    ]
    private_key_command: Annotated[
        Setting, _about("A command on the node that prints its private key.")
    ]
    managed: Annotated[
        Bool,
        _about(
            "false: somebody else's peer; it appears in the configurations of others, "
            "and nothing is written for it."
        ),
    ]
    listen_port: Annotated[Port, _about("The UDP port that WireGuard listens on.")]
    mtu: Annotated[Mtu, _about("auto (default) or a number of bytes.")]
    dns: Annotated[Dns, _about("Name servers, and domains to search, while the tunnel is up.")]
    table: Annotated[Table, _about("The routing table: auto (default), off, a number or a name.")]
    fwmark: Annotated[Fwmark, _about("The mark of outgoing encrypted packets; off or 0 for none.")]
    keepalive: Annotated[
        Keepalive,
        _about(
            "Seconds between keepalives; used only on the side behind a NAT. "
            "0 or off switches them off."
        ),
    ]
    pre_up: Annotated[Hooks, _about("Commands before the interface comes up; %i is its name.")]
    post_up: Annotated[Hooks, _about("Commands after the interface is up; %i is its name.")]
    pre_down: Annotated[Hooks, _about("Commands before the interface goes down.")]
    post_down: Annotated[Hooks, _about("Commands after the interface is gone.")]
    deploy: Annotated[DeploySection, _about("How `meshc deploy` reaches the node.")]


class NodeSection(NodeKeys, total=False):
    """One node."""

    __pydantic_config__ = STRICT  # type: ignore[misc]
    site: Annotated[Name, _about("The place where the node is.")]
    endpoint: Annotated[
        Endpoints,
        _about(
            "Where the public internet reaches the node: host, host:port or "
            "[IPv6]:port, or a list. Absent: it is behind a NAT.",
            examples=["vpn.example.com:51820"],
        ),
    ]
    lan_endpoint: Annotated[OneEndpoint, _about("Where nodes of the same site reach this one.")]
    address: Annotated[
        Addresses,
        _about(
            "Fixed addresses in the network, one per family; otherwise allocated "
            "once and kept in the lock file."
        ),
    ]
    routes: Annotated[Prefixes, _about("LANs behind this node, which everybody may reach.")]
    public_key: Annotated[Key, _about("The key is made elsewhere; meshc never sees its secret.")]


class DefaultsSection(NodeKeys, total=False):
    """Node keys for all nodes."""

    __pydantic_config__ = STRICT  # type: ignore[misc]
    site: Annotated[Name, _about("The place where nodes are that name none.")]


class GroupSection(NodeKeys, total=False):
    """A group with node keys for its members."""

    __pydantic_config__ = STRICT  # type: ignore[misc]
    members: Annotated[Names, _about("The nodes of the group.")]
    site: Annotated[Name, _about("The place where the members are.")]


class SiteSection(NodeKeys, total=False):
    """A place behind one NAT; may hold node keys for the nodes there."""

    __pydantic_config__ = STRICT  # type: ignore[misc]
    lan: Annotated[Prefixes, _about("The networks of the place itself.")]


class NetworkSection(TypedDict, total=False):
    """The network as a whole."""

    __pydantic_config__ = STRICT  # type: ignore[misc]
    name: Required[Annotated[Name, _about("The network's name; its keys belong to it.")]]
    addresses: Required[
        Annotated[
            Prefixes,
            _about(
                "The pools; each node gets one address of each family.",
                examples=[["10.44.0.0/24", "fd44::/64"]],
            ),
        ]
    ]
    domain: Annotated[DomainName, _about("Node names get this domain in hosts files.")]
    interface: Annotated[Interface, _about("The interface on every node (default wg0).")]
    listen_port: Annotated[Port, _about("For nodes with an endpoint (default 51820).")]
    keepalive: Annotated[Keepalive, _about("Seconds, on the side behind a NAT (default 25).")]
    mtu: Annotated[Mtu, _about("auto (default) or a number of bytes.")]
    dns: Annotated[Dns, _about("Name servers, and domains to search, for every node.")]
    preshared_keys: Annotated[Bool, _about("A pre-shared key for each direct link (default).")]


class LinkSection(TypedDict, total=False):
    """An override for one pair of nodes; links themselves are inferred."""

    __pydantic_config__ = STRICT  # type: ignore[misc]
    endpoints: Required[Annotated[Names, _about("The two nodes.")]]
    direct: Annotated[Bool, _about("false forbids the direct link, true demands it.")]
    preshared_key: Annotated[Bool, _about("Whether this link has a pre-shared key.")]
    keepalive: Annotated[Keepalive, _about("Seconds, on the side that needs it.")]


TestSection = TypedDict(
    "TestSection",
    {
        "from": Required[Annotated[Ends, _about("Nodes or groups that send.")]],
        "to": Required[Annotated[Ends, _about("Nodes, groups or addresses that receive.")]],
        "expect": Annotated[ExpectWord, _about("reachable (default) or unreachable.")],
        "via": Annotated[
            TestVia, _about("The relays of the path in order; direct for none at all.")
        ],
    },
    total=False,
)
TestSection.__pydantic_config__ = STRICT  # type: ignore[attr-defined]
TestSection.__doc__ = "A promise that the proof checks."


class LabPlace(TypedDict, total=False):
    """What the lab simulates between a place and the internet, one way."""

    __pydantic_config__ = STRICT  # type: ignore[misc]
    latency: Annotated[Milliseconds, _about("One-way delay: 20ms.")]
    jitter: Annotated[Milliseconds, _about("How much the delay varies: 2ms.")]
    loss: Annotated[Percent, _about("Packets lost: 0.5%.")]
    bandwidth: Annotated[Kilobits, _about("Up and down: 100mbit.")]
    double_nat: Annotated[Bool, _about("Put a carrier-grade NAT behind the site's own.")]


class LabSection(LabPlace, total=False):
    """What `meshc lab` simulates; it changes no configuration."""

    __pydantic_config__ = STRICT  # type: ignore[misc]
    sites: Annotated[dict[str, LabPlace], _about("The uplinks of sites.")]
    nodes: Annotated[dict[str, LabPlace], _about("The uplinks of nodes.")]


SECTIONS: dict[str, Any] = {
    "network": NetworkSection,
    "node": NodeSection,
    "site": SiteSection,
    "group": GroupSection,
    "defaults": DefaultsSection,
    "link": LinkSection,
    "test": TestSection,
    "lab": LabSection,
    "deploy": DeploySection,
    "place": LabPlace,
}
# what stands in for a required value that is wrong or missing, until the end of the checks
PLACEHOLDERS: dict[str, dict[str, Any]] = {
    "network": {"name": "unnamed", "addresses": []},
    "link": {"endpoints": []},
    "test": {"from": [], "to": []},
}
EXAMPLES = {
    "meshc": "`meshc: 1`, the version of the language.",
    "network": "`network: {name: example, addresses: [10.44.0.0/24]}`.",
    "nodes": "`nodes: {server: {role: relay, endpoint: vpn.example.com}, laptop: {}}`.",
    "name": "`name: example`.",
    "addresses": '`addresses: [10.44.0.0/24, "fd44::/64"]`.',
    "endpoints": "`endpoints: [laptop, server]`.",
    "from": "`from: laptop`.",
    "to": "`to: server`.",
}


def required_keys(section: str) -> frozenset[str]:
    """The keys that a section must hold."""
    return frozenset(PLACEHOLDERS.get(section, ()))


@cache
def adapter(section: str) -> TypeAdapter[dict[str, Any]]:
    """The reader of one section; made when it is first needed."""
    return TypeAdapter(SECTIONS[section])


def known_keys(section: str) -> tuple[str, ...]:
    """The keys that a section can hold."""
    return tuple(SECTIONS[section].__annotations__)
