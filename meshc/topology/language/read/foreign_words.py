"""Words that other tools use for a key, and what the key is called here.

A typing error is met by the closest known key; a word of wg(8), of a generator or of a mesh
product is far from ours in letters and near in meaning, and the closest letters then mislead
(`relay` is no `underlay`).
"""

from __future__ import annotations

_ANYWHERE = {
    "privatekey": "a private key is a secret, and this file is committed: delete it here, and run "
    "`meshc keys import`; if it was committed, make a new one with `meshc keys rotate`.",
    "presharedkey": "pre-shared keys are made from keys/network.secret, for every link; `links:` "
    "says it for one.",
    "allowedips": "meshc works AllowedIPs out; a LAN behind a node is its `routes`.",
}
_POOL = "the pools of the network are its `addresses`, for example `addresses: [10.44.0.0/24]`."
_RELAY = "a node that forwards for others has `role: relay`."
_LAN = "a LAN behind a node is its `routes`."
_PUBLIC = "a node with an `endpoint` is public; one without is behind a NAT."
_POLICY = "who may reach whom stands in `policies:`, with `from` and `to`."
_EXIT = "a way out for others is `exit_node: true`; who uses it says `exit: NAME`."
_OF_SECTION = {
    "network": {
        **dict.fromkeys(("pool", "pools", "subnet", "subnets", "cidr", "range", "prefix"), _POOL),
        "acls": _POLICY,
    },
    "node": {
        **dict.fromkeys(("relay", "isrelay", "bounce", "hub", "server", "type", "kind"), _RELAY),
        **dict.fromkeys(("lan", "lans", "subnet", "subnets", "networks", "advertise"), _LAN),
        **dict.fromkeys(("advertiseroutes", "subnetrouter", "localnetworks"), _LAN),
        **dict.fromkeys(("public", "publicip", "behindnat", "roaming"), _PUBLIC),
        **dict.fromkeys(("exitnodes", "internet", "gateway", "advertiseexitnode"), _EXIT),
        **dict.fromkeys(("ip", "ips", "ipaddress"), "the node's own is its `address`."),
        **dict.fromkeys(("tags", "labels", "group"), "a node is named by `groups:` at the top."),
        **dict.fromkeys(("peers", "neighbors"), "links are inferred; `direct` limits them."),
        "ssh": "how `meshc deploy` reaches a node is its `deploy: {host: …, user: …}`.",
        "host": "how `meshc deploy` reaches a node is its `deploy: {host: …}`; where others do "
        "is its `endpoint`.",
        "os": "the system is its `platform`, such as `android`.",
    },
    "": {
        **dict.fromkeys(("acl", "acls", "rules", "firewall"), _POLICY),
        **dict.fromkeys(("peers", "hosts", "machines", "clients", "servers"), "they are `nodes:`."),
        "pool": "it stands in `network:`; " + _POOL,
        "addresses": "they stand in `network:`.",
        "name": "it stands in `network:`.",
    },
}
_NODE_KEYS_TOO = ("group", "site", "defaults")


def foreign_word(key: str, section: str) -> str:
    """The hint for a key that some other tool knows; empty for one that nobody does."""
    folded = key.casefold().replace("_", "").replace("-", "")
    if hint := _ANYWHERE.get(folded):
        return hint
    own = _OF_SECTION.get("node" if section in _NODE_KEYS_TOO else section, {})
    return own.get(folded, "")
