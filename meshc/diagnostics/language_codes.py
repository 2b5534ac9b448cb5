"""The codes 130 to 199: what a topology file says."""

from __future__ import annotations

from meshc.diagnostics.code import Code
from meshc.diagnostics.policy_codes import POLICY_CODES

LANGUAGE_CODES = (
    Code(
        "E130",
        "unknown reference",
        "The file refers to a node, group or site that it does not define. It is misspelt here, "
        "or its definition is missing or was removed.",
    ),
    Code(
        "E131",
        "node cannot do that",
        "`exit` must name a node with `exit_node: true`, and `via` nodes with `role: relay`: only "
        "relays forward for others, and only an exit node offers a way to the internet. Give the "
        "node that role, or name one that has it.",
    ),
    Code(
        "E132",
        "node refers to itself",
        "A node cannot be its own exit or relay, and a link needs two different ends. An `exit` "
        "or `via` that comes from a group, a site or `defaults:` is no mistake: it simply does not "
        "count for the node that it names.",
    ),
    Code(
        "E133",
        "groups disagree",
        "A node is a member of two groups that give different values to the same key, and neither "
        "is nearer than the other. Set the key on the node itself, which always wins, or in only "
        "one of the groups.",
    ),
    Code(
        "E134",
        "link given twice",
        "Two entries of `links:` are about the same pair, whichever end is named first. Only one "
        "could win, so they must be one entry.",
    ),
    Code(
        "E135",
        "use of a node that is left out",
        "A node that is not enabled, or that has expired, is in no file. Most of what is said "
        "about it rests until it returns, but another node cannot do without its exit (its traffic "
        "would go out in the clear) or its name server.",
    ),
    Code(
        "W136",
        "acceptance of nothing",
        "`accept:` names a warning that is not there (any more). Remove the line: it would hide "
        "the warning if it came back for another reason.",
    ),
    Code(
        "E137",
        "listen port is ambiguous",
        "WireGuard listens on one port. The endpoints of this node name different ports, so some "
        "of them must be forwarded by a router, and the file has to say on which port the node "
        "itself listens: `listen_port: 51820`.",
    ),
    Code(
        "I138",
        "node left out",
        "The node is in the file and not in the network, because it says `enabled: false`. Nobody "
        "has it as a peer; its key and its address are kept for its return.",
    ),
    Code(
        "W139",
        "expired node",
        "The last day that `expires` gives (UTC) is over, and the node is left out as if it were "
        "not enabled. What is running knows nothing of dates: the peer is gone when this build has "
        "been deployed.",
    ),
    Code(
        "W140",
        "host bits set",
        "A prefix such as 10.44.0.1/24 holds an address inside the prefix 10.44.0.0/24. wg(8) "
        "accepts it with a warning and drops the rest; so does meshc. Write the prefix itself, so "
        "that the file says what it means.",
    ),
    Code(
        "E141",
        "endpoint that nobody can reach",
        "Loopback, unspecified, link-local, multicast and broadcast addresses mean something else "
        "on every machine or nothing at all, so that no peer can send a handshake there. Write "
        "the address or name under which the internet, or for `lan_endpoint` the site, reaches it.",
    ),
    Code(
        "W142",
        "private address as public endpoint",
        "`endpoint` is where the public internet reaches a node, and this address is private (RFC "
        "1918, RFC 6598, RFC 4193): it works only for nodes in the same private network. For those "
        "there is `lan_endpoint` with a `site`. If the whole network is private, ignore this.",
    ),
    Code(
        "W143",
        "documentation address",
        "The address belongs to the ranges that are kept for examples (RFC 5737, RFC 3849, RFC "
        "9637) and are routed nowhere. It is fine in an example and will never work in a network.",
    ),
    Code(
        "I144",
        "reserved domain name",
        "Names below .example, .invalid, .test and .localhost, and example.com, example.net and "
        "example.org, are reserved for documentation and tests (RFC 2606, RFC 6761). Public DNS "
        "will never resolve them.",
    ),
    Code(
        "W145",
        "relay without endpoint",
        "Nobody can start a handshake to a relay that has no `endpoint`, so it can only serve "
        "nodes that are public themselves, and those need no relay. Give it an endpoint, or a "
        "`lan_endpoint` if it serves the nodes of its own site.",
    ),
    Code(
        "W146",
        "exit node without endpoint",
        "The nodes that use an exit must reach it directly, and most of them sit behind a NAT. "
        "Without an `endpoint` (or a `lan_endpoint` for the nodes of its site) only public nodes "
        "can use this exit.",
    ),
    Code(
        "W147",
        "setting without effect",
        "The key is understood but changes nothing at this place, so that the network may differ "
        "from what the file seems to say. The message names what is missing or in the way.",
    ),
    Code(
        "E148",
        "platform cannot do that",
        "The WireGuard apps for iOS and Android do not forward packets of others, so such a node "
        "cannot be a relay, an exit node, or a router to a LAN. Apps also run no commands, so a "
        "private key cannot come from a file or command there: make the key in the app, and put "
        "its public key into the file.",
    ),
    Code(
        "W149",
        "forwarding by hand",
        "On Linux the configuration turns forwarding on and off by itself. The WireGuard app of "
        "this platform runs no commands, so a relay, exit node or LAN router needs IP forwarding "
        "(and NAT for exits and masqueraded LANs) to be set up once by hand in the system.",
    ),
    Code(
        "W150",
        "unlikely MTU",
        "WireGuard adds 60 bytes to a packet over IPv4 and 80 over IPv6, so that on the usual path "
        "of 1500 bytes at most 1440 and 1420 remain; larger ones are fragmented or lost. Where the "
        "path carries more, as jumbo frames do, they are right. `mtu: auto` finds a value that "
        "fits everywhere.",
    ),
    Code(
        "I151",
        "defined but not used",
        "No node is in this site or group, so it has no effect. Perhaps a node lacks its `site:` "
        "line, or the name is left over from a node that was removed.",
    ),
    Code(
        "W152",
        "LAN endpoint outside the LAN",
        "`lan_endpoint` is where nodes of the same site reach this one, but the address is in none "
        "of the networks that the site's `lan` lists. One of the two is wrong, or the list is "
        "not complete.",
    ),
    Code(
        "I153",
        "length of an address ignored",
        "A node's `address` is one address. The length after it is ignored: every node gets a host "
        "address, and what it can reach follows from AllowedIPs, so that no platform adds routes "
        "of its own.",
    ),
    Code(
        "W154",
        "pool of public addresses",
        "The pool lies in address space that belongs to somebody on the internet or to "
        "documentation. Nodes will send packets for the real owners of these addresses into the "
        "tunnel. Use private space: 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10 or a "
        "random prefix of fd00::/8 (RFC 4193).",
    ),
    Code(
        "E155",
        "public key used twice",
        "A public key identifies one peer on an interface: of two nodes with the same key, every "
        "other node could list only one, and packets for the other would be lost. Each node needs "
        "a key of its own.",
    ),
    Code(
        "E156",
        "peer without a public key",
        "Nothing is made for a node with `managed: false`, so its public key must be in the file. "
        "Ask its owner for the output of `wg show INTERFACE public-key`.",
    ),
    Code(
        "E157",
        "two sources for one key",
        "A node has one private key. It comes from `private_key_file` or from "
        "`private_key_command`, not from both.",
    ),
    Code(
        "E158",
        "two addresses of one family",
        "A node gets one IPv4 and one IPv6 address in the network. To reach more addresses behind "
        "a node, list them under its `routes`.",
    ),
    Code(
        "W159",
        "network without nodes",
        "The file defines no node, so there is nothing to build. List them under `nodes:`; a node "
        "without settings is written as its name and a colon.",
    ),
    Code(
        "W160",
        "name does not fit a host name",
        "With `network.domain` every node gets a host name, and host names have only letters, "
        "digits and `-` between the dots (RFC 1123 section 2.1). Some programs will not look this "
        "name up.",
    ),
    Code(
        "W161",
        "LAN of the site is not given",
        "A node offers a LAN under `routes` and has its own `lan_endpoint` in it, so the site is "
        "on that LAN; but the site lists no `lan`. The other nodes of the site then send packets "
        "for their own neighbours into the tunnel. List the network under the site's `lan`.",
    ),
    Code(
        "E165",
        "address space that is never routed",
        "Loopback, link-local, multicast and broadcast addresses mean something on one host or "
        "one link only. No router passes packets to them on, so that no node can have such an "
        "address in the network, and no LAN behind a node can be reached at one.",
    ),
    Code(
        "E166",
        "route in a family without addresses",
        "Nodes send from their addresses in the network, and WireGuard's source filter lets in "
        "nothing else. With no pool of the family of this route, no node has a source from which "
        "a packet could take it. Add a pool of that family, or remove the route.",
    ),
    Code(
        "E167",
        "LAN endpoint at another port",
        "`lan_endpoint` is the socket itself, as the nodes of the same site reach it: between them "
        "no router translates ports. `listen_port` (or the port that follows from the node's "
        "endpoints) says that the socket has another port, so that nobody would answer there.",
    ),
    Code(
        "E168",
        "MTU too small for IPv6",
        "Below 1280 bytes an interface cannot have an IPv6 address (RFC 8200 section 5), so that "
        "`wg-quick up` fails. Raise the MTU, or leave the IPv6 pool out of `network.addresses`.",
    ),
    Code(
        "E169",
        "nothing left for the exit",
        "`exit_except` lists what a user of an exit keeps out of the tunnel, and here that is "
        "everything, in both families. A node that is to use no exit says `exit: none`.",
    ),
    *POLICY_CODES,
)
