"""Codes 4xx: what the proof finds in the emitted files."""

from __future__ import annotations

from meshc.diagnostics.code import Code

PROOF_CODES = (
    Code(
        "E400",
        "packet is lost",
        "Walking the emitted files, a packet between two nodes is dropped; the trace says where. "
        "The usual reason is the source filter: AllowedIPs say on the way in which peer may "
        "send from which address, so that a packet must arrive from the same peer to which an "
        "answer would be sent. Compare the AllowedIPs of the node that drops it with the path.",
    ),
    Code(
        "E401",
        "prefix given to two peers",
        "WireGuard's AllowedIPs are one table per interface: a prefix belongs to one peer. When a "
        "file names it twice, the last section gets it and the other silently loses it; there is "
        "no backup path and no error message. Give each peer its own prefixes.",
    ),
    Code(
        "W402",
        "AllowedIPs with host bits",
        "An AllowedIPs entry such as 10.44.0.1/24 is read as 10.44.0.0/24: the last part of the "
        "address has no meaning. wg prints a warning for it. Write the network's address, or "
        "/32 (/128) when one host was meant.",
    ),
    Code(
        "E403",
        "keys do not fit",
        "A file names a public key that no node has, a node's private key is not the half of its "
        "public key, or two nodes share one key. WireGuard knows a peer by its key alone, so that "
        "packets for it are never answered, or answered by the wrong machine. Build again; never "
        "copy a key from one node to another.",
    ),
    Code(
        "E404",
        "link in one file only",
        "A session needs both sides to list each other. A handshake from a key that the receiver "
        "does not list is ignored without an answer. This happens when one node was brought up "
        "to date and the other was not.",
    ),
    Code(
        "E405",
        "pre-shared keys differ",
        "Both ends of a link must have the same PresharedKey, or none. With different ones every "
        "handshake fails and nothing says why. Both files come from the same epoch of the "
        "network's secret when they come from the same build.",
    ),
    Code(
        "E406",
        "endpoint does not reach the peer",
        "One side of a link must know an address and port at which the other is reached from "
        "where it stands: a public endpoint, an endpoint inside the same site, or fixed endpoints "
        "on both sides. An Endpoint for a peer that is not reached there, or a ListenPort that "
        "is not the port of the endpoint, gives a link that never shakes hands.",
    ),
    Code(
        "E407",
        "nobody keeps the session alive",
        "The receiver sits behind a NAT and the sender cannot start a session with it. Routers "
        "forget a mapping after some 30 to 120 seconds of silence, so that the side behind the "
        "NAT needs `PersistentKeepalive` towards this peer, else packets get through only after "
        "it has spoken itself.",
    ),
    Code(
        "W408",
        "reached only after it has spoken",
        "`keepalive: 0` switches the keepalive of this node off, and with more than 120 seconds "
        "its NAT may have forgotten it in between (RFC 4787 section 4.3), so that others reach it "
        "only for a short while after it has sent something itself. That is what the file asks "
        "for; remove the key if the node should always be reachable.",
    ),
    Code(
        "E409",
        "relay does not forward",
        "A packet arrives at a node that should pass it on, and the node's own file does not let "
        "it: forwarding is off for this family, no rule of its FORWARD chain accepts packets "
        "between these interfaces, or a rule before it drops them. Only what the emitted file "
        "itself turns on counts; settings made by hand on the machine are not known.",
    ),
    Code(
        "E410",
        "no masquerade",
        "A packet leaves the tunnel with a source address that the network outside does not know, "
        "so that no answer finds its way back. An exit needs a MASQUERADE rule; a router of a LAN "
        "needs one unless `masquerade: false` promises that the LAN has a route back.",
    ),
    Code(
        "E411",
        "packets go round",
        "Next hops lead an address round in a circle. Packets to it come back again and again "
        "until their time to live is over. Two relays that give each other a catch-all prefix "
        "are the usual reason: relays must list exact prefixes.",
    ),
    Code(
        "E412",
        "no way to the target",
        "A node on the path has no AllowedIPs entry, or no route into the tunnel, for the target. "
        "The packet dies there, or leaves outside of the tunnel. With `Table = off` no routes are "
        "installed; with a numbered table somebody must add the rule that looks it up.",
    ),
    Code(
        "E413",
        "endpoint inside the tunnel",
        "The address of a peer's endpoint lies inside a prefix that is routed into the tunnel, so "
        "that WireGuard would send its own encrypted packets into itself and never reach the "
        "peer. Only the default route is protected from this (by a mark, see wg-quick(8)). Narrow "
        "the prefix, or route around the endpoint.",
    ),
    Code(
        "E414",
        "exit leaks",
        "A node with `exit` must send everything that is not local through its exit, IPv4 and "
        "IPv6. Here some addresses leave through its own uplink instead, unencrypted and with its "
        "real address. Both 0.0.0.0/0 and ::/0 belong to the exit peer, even when the network has "
        "addresses of one family only.",
    ),
    Code(
        "E415",
        "address twice or missing",
        "Two nodes have the same address on the tunnel, or one has none. Packets for a doubled "
        "address reach whichever node the sender happens to list for it.",
    ),
    Code(
        "W416",
        "MTU shrinks on the way",
        "A node makes packets that are larger than what a relay on the path passes on. The relay "
        "answers large ones with `fragmentation needed`, or drops them where such answers are "
        "filtered: connections then hang after the first large packet.",
    ),
    Code(
        "E417",
        "MTU does not fit",
        "The MTU of a tunnel is that of the network below less 60 bytes (80 when it may run over "
        "IPv6), and IPv6 inside of it needs at least 1280 (RFC 8200). Outside of this range "
        "packets are split or lost.",
    ),
    Code(
        "W418",
        "single point of failure",
        "All paths between some nodes go through one relay. AllowedIPs do not change by "
        "themselves: when this relay dies, these pairs lose each other until it is back. A second "
        "relay that the same nodes can reach gives a new build somewhere to go.",
    ),
    Code(
        "E419",
        "a test of the file does not hold",
        "An entry of `tests:` says what should be reachable, over which relays, or what should "
        "not. The proof of the emitted files says otherwise. Either the network or the test is "
        "not what was meant.",
    ),
    Code(
        "E420",
        "routes its own LAN to a peer",
        "A node is connected to a LAN whose prefix it also has in AllowedIPs. The connected "
        "network wins, and `wg-quick up` fails because the route is there already. Two sites "
        "with the same prefix must be renumbered before they can be joined.",
    ),
    Code(
        "E421",
        "file missing",
        "A node of the topology has no file in the build directory, so that nothing could be "
        "proven for it. Build again.",
    ),
    Code(
        "E422",
        "file not readable",
        "wg-quick would refuse this file: a value or a line in it is not what wg-quick(8) and "
        "wg(8) accept. It was probably edited by hand; build again to replace it.",
    ),
    Code(
        "W423",
        "file changed since the build",
        "The contents of a file are not what `meshc build` wrote. The proof was made on what is "
        "there now. The next build will write it anew: move hand-made changes into the topology "
        "file.",
    ),
    Code(
        "W424",
        "build is older than the topology",
        "The build directory and the topology file do not name the same nodes. Build again before "
        "believing the proof.",
    ),
    Code(
        "W425",
        "two sections for one peer",
        "A file has two [Peer] sections with one public key. `wg setconf` lets the later one "
        "replace the AllowedIPs of the earlier. Merge them into one section.",
    ),
    Code(
        "W426",
        "address that nobody has goes round",
        "A packet for an address of the pools that no node has is passed back to where it came "
        "from: one node has the other as its catch-all, and the other sends everything that it "
        "does not know to the first (a relay that uses an exit behind it, for example). "
        "WireGuard's source filter ends it after a round, so that it costs little, but such a "
        "packet should die where it starts.",
    ),
    Code(
        "W427",
        "DNS server that no node is",
        "A node's DNS server is an address of the pools that no node has, a private address that "
        "no node routes, or a phone, which serves no names. Names are not resolved while the "
        "tunnel is up, which looks as if the whole internet were gone. Name a node that runs a "
        "DNS server (`dns: [NODE]` becomes its addresses), or a server outside of the network.",
    ),
    Code(
        "W428",
        "address taken for an anycast address",
        "An IPv6 route shorter than /127 begins at the address of a node. The first address of a "
        "subnet belongs to its routers (RFC 4291 section 2.6.1), and Linux sends no ICMPv6 errors "
        'to it: that node never hears "packet too big", and connections that need it hang. '
        "An entry for the address itself (/128), at the same peer, makes it an ordinary address. "
        "`meshc build` writes such entries.",
    ),
    Code(
        "W430",
        "DNS server out of reach",
        "A node asks a DNS server inside the network, and its packets do not get there: what "
        "loses them is a finding of its own or declared by `tests:`, or the network has no "
        "addresses of the server's family. Names are not resolved while the tunnel is up.",
    ),
    Code(
        "E431",
        "more passes than policies allow",
        "The rules in the file of a node let a packet begin a connection that no rule of "
        "`policies:` allows. The message names the place: what comes in from the tunnel, goes out "
        "to a LAN or the internet, passes through a relay, comes from beside a router, or is sent "
        "by the node itself.",
    ),
    Code(
        "E432",
        "policies allow what is dropped",
        "A rule of `policies:` allows this packet, and the rules in the file of a node that it "
        "must pass drop it, or do not let it through.",
    ),
    Code(
        "E433",
        "receiver that nobody protects",
        "The receiver cannot filter (a phone, Windows, macOS, somebody else's peer), and is linked "
        "directly to a node that may not send it everything. Relays and exits hold what they "
        "forward and send to the policies; any other node could send what it likes.",
    ),
    Code(
        "E440",
        "hook that takes the tunnel down",
        "wg-quick(8) runs hooks under `set -e`: one that fails takes the interface down again. "
        "This one fails wherever it runs (`false`, a jump to a chain that a later line makes, a "
        "route through the tunnel before there is one), or sets the interface down itself. "
        "Put the lines in order, or append `|| true` to one that may fail.",
    ),
    Code(
        "E441",
        "default route outside of wg-quick's own table",
        "wg-quick(8) puts a default route into a table of its own, which WireGuard's packets, "
        "told by a mark, do not look up. `Table = main`, `Table = N` and a FwMark that is the "
        "number of a system table (253 default, 254 main, 255 local) get around that: `ip route "
        "add` fails on the host's own default route, or WireGuard's packets go into the tunnel "
        "themselves. Leave `table` and `fwmark` out, or choose a mark that is no table's number.",
    ),
    Code(
        "E442",
        "internet goes into the tunnel unasked",
        "The node has no `exit`, but its file sends public addresses that nobody in the topology "
        "has into the tunnel. Either somebody edited the file, or the node should say `exit: "
        "NODE`, or that node `routes:` with these prefixes.",
    ),
    Code(
        "W443",
        "hook or rule that the proof cannot judge",
        "A hook does something to packets that the proof does not model: it rewrites their target "
        "(DNAT, NETMAP, REDIRECT), drops only some of them (`-p tcp`, `-m limit`), jumps to a "
        "chain of the machine, or runs a program that could do anything. Nothing is claimed about "
        "packets that meet it, neither that they arrive nor that they do not. docs/proof.md "
        "says what is modelled; `meshc lab` measures the rest.",
    ),
    Code(
        "E444",
        "exception goes into the tunnel",
        "`exit_except` says what a user of an exit keeps out of the tunnel. The emitted file holds "
        "some of that in AllowedIPs, so that the packets go to the exit all the same, or to "
        "another peer. A list of AllowedIPs that somebody edited is the usual reason: build again.",
    ),
    Code(
        "W446",
        "exit lets out more than asked",
        "An exit forwards for a node that does not name it with `exit:`, or into its own "
        "surroundings: private, link-local or metadata addresses that no `routes:` declares. "
        "AllowedIPs in the file of the sender are no obstacle, because whoever holds the file can "
        "widen them; only the rules of the exit count. The rules that meshc writes let out the "
        "users alone, to the internet alone. A rule of its own in `post_up` opens more.",
    ),
    Code(
        "E447",
        "kill switch that does not hold",
        "The node asks for `kill_switch`, and its file would let packets out in clear text when "
        "the interface has gone (nothing closes the table of its default route) or when the rules "
        "of its routing were flushed (OUTPUT lets out what has no mark of WireGuard's), or holds "
        "back WireGuard's own packets. Build again; rules of `post_up` that stand in front of ours "
        "may open what the switch closes.",
    ),
    Code(
        "E451",
        "private key missing",
        "A file has no private key, and no hook of it sets one: the interface comes up and shakes "
        "hands with nobody. Build again; keys are kept in keys/. Where the key must not be in the "
        "file, say so in the topology: `private_key_file`, `private_key_command` or `public_key`.",
    ),
    Code(
        "E452",
        "SaveConfig",
        "`SaveConfig = true` lets `wg-quick down` write what the running interface has over the "
        "file, endpoints that it has learned included. What is proven today is then not what runs "
        "tomorrow. Take the line out.",
    ),
    Code(
        "E453",
        "file with a key is open to others",
        "Other users of this machine may read or change a file that holds a private key. Files "
        "with keys have mode 0600. Set it again (`chmod 600`), and rotate the key if others had "
        "access.",
    ),
    Code(
        "E454",
        "name server missing",
        "A file lacks a name server that `dns` asks for: the node then keeps that of the place "
        "where it is, and names of the network are unknown to it. Build again.",
    ),
    Code(
        "E455",
        "hook that removes a peer",
        "A hook runs `wg set … remove` for a peer that the same file lists. The link is gone as "
        "soon as the tunnel is up, and what should pass there is lost. Forbid the link in the "
        "topology instead, so that others know.",
    ),
    Code(
        "E456",
        "output that means another tunnel",
        "The proof walks the wg-quick file of a node, and holds every other output of it "
        "(`outputs`: systemd-networkd, NetworkManager and others) against that file: keys, "
        "addresses, peers, routes, rules and hooks must be the same, or what was proven would not "
        "be what runs. Build again; what is to be different belongs into the topology.",
    ),
    Code(
        "W458",
        "output with settings that are not judged",
        "A file of an output has a setting that meshc does not write and the proof does not know. "
        "What it does to the tunnel is nobody's claim. Take it out, or keep it in a file of your "
        "own beside (a drop-in), and look yourself at what it does.",
    ),
)
