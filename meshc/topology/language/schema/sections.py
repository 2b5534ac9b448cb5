"""The language exactly as users write it, with every key and its description.

Each section is a table of keys. What reading one brings holds just the keys that the file gives:
precedence between node, group, site and defaults is then a merge of dictionaries.
"""

from __future__ import annotations

from typing import Any

from meshc.topology.language.schema import value_kinds as k
from meshc.topology.language.schema.fields import Field, KeySection, named, nested

LANGUAGE_VERSION = 1

DEPLOY = KeySection(
    "DeploySection",
    "How `meshc deploy` reaches a node, and what runs there.",
    {
        "host": Field(
            k.LOGIN_HOST,
            "Where SSH reaches the node: a name, an address or an alias of ssh_config.",
        ),
        "user": Field(k.USER, "The SSH user."),
        "port": Field(k.PORT, "The SSH port."),
        "become": Field(k.BOOL, "Run commands through sudo."),
        "engine": Field(
            k.ENGINE,
            "The WireGuard to use: auto, kernel, bundled, or the path of another one.",
        ),
        "supervisor": Field(k.SUPERVISOR, "What starts the tunnel when the node boots."),
        "watch": Field(
            k.BOOL,
            "false: under wg-quick's unit nobody looks names up again, puts flushed rules back or "
            "starts a dead engine again (default true).",
        ),
    },
)
# The keys that a node, a group, a site and `defaults` can hold; the nearest wins.
_NODE_KEYS: dict[str, Field] = {
    "role": Field(
        k.ROLE,
        "peer (default) or relay; only relays forward for others. bounce is another word for "
        "relay.",
    ),
    "nat": Field(
        k.NAT,
        "How the router in front maps and filters (default unknown). A node with an endpoint "
        "behind a forwarded port is full_cone.",
    ),
    "underlay": Field(
        k.FAMILIES,
        "The address families in which the node speaks to the internet; by default those of "
        "its literal endpoints, else both.",
    ),
    "masquerade": Field(
        k.BOOL,
        "Hide the sources of tunnel traffic from the LANs in `routes` (default true, because "
        "LAN hosts rarely have a route back).",
    ),
    "exit_node": Field(k.BOOL, "Offer a default route to the internet, IPv4 and IPv6."),
    "exit": Field(
        k.EXIT,
        "The exit node whose default route this node uses, IPv4 and IPv6; none undoes what a "
        "group or site says.",
    ),
    "exit_except": Field(
        k.EXCEPTIONS,
        "What a user of an exit keeps out of the tunnel: prefixes, `private` (RFC 1918 and RFC "
        "4193), `own_lan` (the `lan` of its site). What the network itself has stays inside.",
        examples=(["private", "203.0.113.0/24"],),
    ),
    "kill_switch": Field(
        k.BOOL,
        "Where the node uses an exit and runs Linux: nothing leaves it in clear text when the "
        "interface has gone or rules were flushed (default false).",
    ),
    "via": Field(k.NAMES, "Relays in order of preference; without it a hash of the name chooses."),
    "direct": Field(
        k.DIRECT,
        "The direct links that this node may use: all (default), relays, none, or a list of "
        "nodes and groups.",
    ),
    "platform": Field(k.PLATFORM, "Decides which files the node gets (default linux)."),
    "outputs": Field(
        k.OUTPUTS,
        "Files that a Linux node gets beside its wg-quick file, the same tunnel for what else runs "
        "there.",
        examples=(["networkd"], ["compose", "kubernetes"]),
    ),
    "private_key_file": Field(
        k.ABSOLUTE_PATH,
        "The node keeps its private key in this file; meshc never sees it.",
    ),
    "private_key_command": Field(k.SETTING, "A command on the node that prints its private key."),
    "managed": Field(
        k.BOOL,
        "false: somebody else's peer; it appears in the configurations of others, and nothing "
        "is written for it.",
    ),
    "listen_port": Field(k.PORT, "The UDP port that WireGuard listens on."),
    "open_port": Field(
        k.BOOL,
        "On Linux: open the node's own UDP port in a chain of our own, before the rules of the "
        "machine's iptables (default false).",
    ),
    "mtu": Field(k.MTU, "auto (default) or a number of bytes."),
    "uplink_mtu": Field(
        k.UNDERLAY,
        "The largest packet that the way to the internet carries, from which `mtu: auto` counts "
        "(default 1500; 1492 behind PPPoE).",
    ),
    "dns": Field(k.DNS, "Name servers (addresses or nodes) and search domains for the tunnel."),
    "table": Field(k.TABLE, "The routing table: auto (default), off, a number or a name."),
    "fwmark": Field(k.FWMARK, "The mark of outgoing encrypted packets; off or 0 for none."),
    "always_on": Field(
        k.BOOL,
        "false: the node may be asleep or switched off, which `meshc status` of its peers then "
        "counts as no fault (default true; false for ios and android).",
    ),
    "keepalive": Field(
        k.KEEPALIVE,
        "Seconds between keepalives, towards every peer that the node can call; the network's own "
        "are kept only by the side behind a NAT. 0 or off switches them off.",
    ),
    "enabled": Field(
        k.BOOL,
        "false: the node is left out of every file; its key and its address are kept for its "
        "return.",
    ),
    "expires": Field(
        k.DATE, "The last day of the node, such as 2027-01-31 (UTC): after it, as if not enabled."
    ),
    "pre_up": Field(k.HOOKS, "Commands before the interface comes up; %i is its name."),
    "post_up": Field(k.HOOKS, "Commands after the interface is up; %i is its name."),
    "pre_down": Field(k.HOOKS, "Commands before the interface goes down."),
    "post_down": Field(k.HOOKS, "Commands after the interface is gone."),
    "firewall": Field(
        k.FIREWALL,
        "What loads the rules of the node: iptables, nftables, or auto (default): the one that it "
        "has when it comes up.",
    ),
    "agent": Field(
        k.BOOL,
        "On Linux: the node moves to another relay when its own does not answer, and finds direct "
        "paths with others behind NATs; all relays need it as well (default false).",
    ),
    "deploy": Field(nested(DEPLOY), "How `meshc deploy` reaches the node."),
}
NODE = KeySection(
    "NodeSection",
    "One node.",
    {
        **_NODE_KEYS,
        "site": Field(k.NAME, "The place where the node is."),
        "endpoint": Field(
            k.ENDPOINTS,
            "Where the public internet reaches the node: host, host:port or [IPv6]:port, or a "
            "list. Absent: it is behind a NAT.",
            examples=("vpn.example.com:51820",),
        ),
        "lan_endpoint": Field(k.ONE_ENDPOINT, "Where nodes of the same site reach this one."),
        "address": Field(
            k.ADDRESSES,
            "Fixed addresses in the network, one per family; otherwise allocated once and kept in "
            "the lock file.",
        ),
        "routes": Field(
            k.PREFIXES,
            "LANs behind this node, which everybody may reach unless `policies:` says who.",
        ),
        "public_key": Field(k.KEY, "The key is made elsewhere; meshc never sees its secret."),
        "recipient": Field(
            k.RECIPIENT,
            "Whom the files of this node are encrypted to by `meshc build --encrypt`: `age1…`, or "
            "an SSH public key, such as that of the machine (/etc/ssh/ssh_host_ed25519_key.pub).",
        ),
    },
)
DEFAULTS = KeySection(
    "DefaultsSection",
    "Node keys for all nodes.",
    {
        **_NODE_KEYS,
        "site": Field(k.NAME, "The place where nodes are that name none."),
    },
)
GROUP = KeySection(
    "GroupSection",
    "A group with node keys for its members.",
    {
        **_NODE_KEYS,
        "members": Field(k.NAMES, "The nodes of the group."),
        "site": Field(k.NAME, "The place where the members are."),
    },
)
SITE = KeySection(
    "SiteSection",
    "A place behind one NAT; may hold node keys for the nodes there.",
    {
        **_NODE_KEYS,
        "lan": Field(k.PREFIXES, "The networks of the place itself."),
    },
)
NETWORK = KeySection(
    "NetworkSection",
    "The network as a whole.",
    {
        "name": Field(k.NAME, "The network's name; its keys belong to it.", required=True),
        "addresses": Field(
            k.PREFIXES,
            "The pools; each node gets one address of each family.",
            required=True,
            examples=(["10.44.0.0/24", "fd44::/64"],),
        ),
        "domain": Field(k.DOMAIN_NAME, "Node names get this domain in hosts files."),
        "interface": Field(k.INTERFACE, "The interface on every node (default wg0)."),
        "listen_port": Field(k.PORT, "For nodes with an endpoint (default 51820)."),
        "keepalive": Field(k.KEEPALIVE, "Seconds, on the side behind a NAT (default 25)."),
        "mtu": Field(k.MTU, "auto (default) or a number of bytes."),
        "dns": Field(
            k.DNS,
            "Name servers (addresses or nodes) and search domains for every node but relays and "
            "the name servers themselves.",
        ),
        "kill_switch": Field(k.BOOL, "A kill switch on every node that uses an exit."),
        "preshared_keys": Field(k.BOOL, "A pre-shared key for each direct link (default)."),
        "firewall": Field(k.FIREWALL, "For nodes that say nothing: auto, iptables or nftables."),
        "agent": Field(k.BOOL, "An agent on every node that says nothing."),
    },
)
LINK = KeySection(
    "LinkSection",
    "An override for one pair of nodes; links themselves are inferred.",
    {
        "endpoints": Field(k.NAMES, "The two nodes.", required=True),
        "direct": Field(k.BOOL, "false forbids the direct link, true demands it."),
        "preshared_key": Field(
            k.BOOL_OR_NAME,
            "Whether this link has a pre-shared key, or the name of one that exists already: "
            "`meshc keys import --psk` puts it into the key store.",
        ),
        "keepalive": Field(k.KEEPALIVE, "Seconds, on the side that needs it."),
    },
)
POLICY = KeySection(
    "PolicySection",
    "A rule: who may reach whom. With the section, nothing passes that no rule allows; answers do.",
    {
        "from": Field(
            k.ENDS,
            "Who begins: nodes, groups, sites, `NODE:lan`, `all:lan`, addresses, or all (nodes).",
            required=True,
        ),
        "to": Field(
            k.ENDS, "Who is reached: as in `from`, or internet (through an exit).", required=True
        ),
        "allow": Field(
            k.SERVICES,
            "What passes: all (default), tcp/443, tcp/8000-8100, udp/53, tcp, udp, icmp.",
        ),
        "except": Field(k.ENDS, "Who is taken out of both sides of this rule."),
        "why": Field(k.WHY, "A note for people; `meshc explain` shows it."),
    },
)
TEST = KeySection(
    "TestSection",
    "A promise that the proof checks.",
    {
        "from": Field(k.ENDS, "Nodes, groups, LANs or addresses that send.", required=True),
        "to": Field(
            k.ENDS, "Nodes, groups, LANs, addresses or internet that receive.", required=True
        ),
        "port": Field(
            k.ONE_SERVICE,
            "The service that is tried: tcp/443, udp/53, icmp; without it, any that passes counts.",
        ),
        "expect": Field(k.EXPECT, "reachable (default) or unreachable."),
        "via": Field(k.TEST_VIA, "The relays of the path in order; direct for none at all."),
    },
)
PLACE = KeySection(
    "LabPlace",
    "What the lab simulates between a place and the internet, one way.",
    {
        "latency": Field(k.MILLISECONDS, "One-way delay: 20ms."),
        "jitter": Field(k.MILLISECONDS, "How much the delay varies: 2ms."),
        "loss": Field(k.PERCENT, "Packets lost: 0.5%."),
        "bandwidth": Field(k.KILOBITS, "Up and down: 100mbit."),
        "double_nat": Field(k.BOOL, "Put a carrier-grade NAT behind the site's own."),
    },
)
LAB = KeySection(
    "LabSection",
    "What `meshc lab` simulates; it changes no configuration.",
    {
        **PLACE.fields,
        "sites": Field(named(PLACE), "The uplinks of sites."),
        "nodes": Field(named(PLACE), "The uplinks of nodes."),
    },
)

ACCEPT = KeySection(
    "AcceptSection",
    "A warning that is known and meant; it stays visible, and `--strict` passes over it.",
    {
        "code": Field(k.CODE, "The code of the warning, such as W220.", required=True),
        "node": Field(k.NAME, "Only where it is about this node."),
        "why": Field(k.TEXT, "The reason, for whoever reads it next year.", required=True),
    },
)

KEY_STORE = KeySection(
    "KeysSection",
    "Where the network's secrets are kept; without it, in the clear in `keys/`.",
    {
        "store": Field(
            k.KEY_STORE,
            "plain (default): files that are not committed; age: a file a secret, encrypted to the "
            "recipients, to be committed; command: other programs keep them (docs/secrets.md).",
        ),
        "recipients": Field(
            k.RECIPIENTS, "Who may read them: `age1…` or SSH public keys, for `store: age`."
        ),
    },
)

SECTIONS: dict[str, KeySection] = {
    "network": NETWORK,
    "node": NODE,
    "site": SITE,
    "group": GROUP,
    "defaults": DEFAULTS,
    "link": LINK,
    "policy": POLICY,
    "test": TEST,
    "lab": LAB,
    "accept": ACCEPT,
    "keys": KEY_STORE,
    "deploy": DEPLOY,
    "place": PLACE,
}
# what stands in for a required value that is wrong or missing, until the end of the checks
PLACEHOLDERS: dict[str, dict[str, Any]] = {
    "network": {"name": "unnamed", "addresses": []},
    "link": {"endpoints": []},
    "policy": {"from": [], "to": []},
    "test": {"from": [], "to": []},
    "accept": {"code": "W220", "why": "not said"},
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
    "code": "`code: W220`.",
    "why": "`why: the second relay comes in May`.",
}
