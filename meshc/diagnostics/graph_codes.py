"""2xx: what the links, relays, exits and prefixes of a network cannot mean together."""

from __future__ import annotations

from meshc.diagnostics.code import Code

GRAPH_CODES = (
    Code(
        "E200",
        "pair cannot reach each other",
        "Two nodes have no direct link, and no relay is linked to both, so that their packets "
        "have no way. A direct link needs one side that the other can call: a public `endpoint` "
        "in an address family both speak, a `lan_endpoint` at the same site, or fixed endpoints "
        "on both sides. Mend it by giving one of the two an endpoint, or by giving a public node "
        "`role: relay`. If the pair is meant to be apart, say so with a test that has "
        "`expect: unreachable`.",
    ),
    Code(
        "E201",
        "demanded link is impossible",
        "`links:` says `direct: true` for a pair of which neither can start a handshake with the "
        "other. WireGuard finds no way through by itself: one side needs an address at which the "
        "other can call it. The message names what is missing on each side.",
    ),
    Code(
        "E202",
        "exit is not a direct neighbour",
        "A default route through another node works only over a direct link: the relay in "
        "between would need AllowedIPs 0.0.0.0/0 towards the exit, and a prefix belongs to one "
        "peer per interface, so that it would send everybody's traffic there. Choose as exit a "
        "node that this one can call, or give the exit an endpoint. With `direct: relays` or a "
        "list, the exit must be a relay or in the list.",
    ),
    Code(
        "E203",
        "exit node uses an exit",
        "A node that offers its own default route to others must not send it into the tunnel: "
        "the packets of its users would go on to the next exit, or in a circle. Let the users "
        "name the last exit directly.",
    ),
    Code(
        "W204",
        "exit without IPv4 or IPv6",
        "A node with an exit sends the packets of both families into the tunnel, so that nothing "
        "leaks around it. Here the other end cannot send those of one family on, because the "
        "network has no pool of it or the exit does not speak it, and they are dropped. Most "
        "programs then fall back to the other family, some after a delay. Add a pool to "
        "network.addresses (for IPv6 a random prefix of fd00::/8) and use an exit with both.",
    ),
    Code(
        "E205",
        "no common address family",
        "The two nodes could be linked if they spoke the same address family to the internet: "
        "one says (or its endpoints say) IPv4 only, the other IPv6 only. Give one of them an "
        "endpoint in the other family, correct `underlay`, or let a relay that speaks both "
        "carry the pair.",
    ),
    Code(
        "I206",
        "endpoint that only fixed peers can use",
        "The router in front of this node lets packets in only from where the node has sent "
        "some. Its endpoint is therefore written only for peers that have a fixed endpoint "
        "themselves, and both sides keep sending. Everybody else reaches the node by being "
        "called by it, or through a relay. If the port is forwarded on the router, the NAT does"
        " not filter it: say `nat: full_cone` on the node.",
    ),
    Code(
        "W207",
        "via names a relay without a link",
        "`via` orders the relays that a node prefers, but the node has no direct link to this "
        "one, so that the entry has no effect. The message says why there is no link.",
    ),
    Code(
        "W208",
        "endpoint in a family that the node does not speak",
        "`underlay` says in which address families the node can speak to the internet, and this"
        " endpoint is in another one. It is never written into a configuration.",
    ),
    Code(
        "E209",
        "endpoint lies inside the tunnel",
        "The endpoint's address belongs to a prefix that WireGuard routes into the tunnel: a "
        "pool or somebody's `routes`. The encrypted packets to that endpoint would themselves "
        "be sent into the tunnel, and no handshake would ever leave the machine. Write the "
        "address that the node has on the internet or on its LAN. (Default routes of exits do "
        "no harm; wg-quick keeps the tunnel's own packets out of them.)",
    ),
    Code(
        "E210",
        "prefix routed twice",
        "Two nodes offer the same prefix. On every interface a prefix belongs to one peer, and "
        "WireGuard silently takes it away from the first when the second is set. Keep it on one"
        " router; for two routers into the same LAN give each one half of it.",
    ),
    Code(
        "W211",
        "route inside another route",
        "One router offers a part of what another one offers. The longest prefix wins, so that "
        "every node sends this part to the first router. That is often meant (a branch inside a"
        " large network), but it is also what a typing error looks like.",
    ),
    Code(
        "E212",
        "route overlaps a pool",
        "A LAN behind a node uses the same addresses as the network's own pool, so that an "
        "address means two machines. Use a pool that no LAN of the network uses: a random one "
        "such as 10.117.0.0/16, and a random prefix of fd00::/8.",
    ),
    Code(
        "W213",
        "LAN of a site overlaps a pool",
        "Nodes at this site have a LAN with the same addresses as the network's own pool. On "
        "them, packets for some nodes stay on the LAN, or packets for the LAN go into the "
        "tunnel. Choose another pool or another LAN.",
    ),
    Code(
        "E214",
        "pools overlap",
        "Two entries of network.addresses overlap, so that an address could be given twice. "
        "Keep the larger one.",
    ),
    Code(
        "E215",
        "two nodes at one port",
        "Two nodes are said to listen at the same address and port. A router forwards a port to"
        " one machine only, so that one of the two is never reached. Set a different "
        "`listen_port` on one of them, and forward that port.",
    ),
    Code(
        "W216",
        "public endpoint inside a site",
        "Two nodes are at one site and know each other only by a public endpoint. Their packets"
        " go to the router and must be turned around there (hairpin NAT, RFC 4787 section 6), "
        "which many routers do not do. Give the node that is called a `lan_endpoint`; nodes of "
        "the site then use that one.",
    ),
    Code(
        "W217",
        "relay in the LAN that another node routes",
        "A relay sits in a LAN that another node of its site offers as a route. The relay must "
        "not send its own LAN into the tunnel, and so it cannot carry the packets of others "
        "there. Nodes whose path passes this relay do not reach the LAN. Let the relay offer "
        "the route itself.",
    ),
    Code(
        "I218",
        "phone with many links",
        "Every direct link is a handshake, keepalives that wake the radio, and about 150 bytes "
        "of the QR code. With `direct: relays` or `direct: none` the phone keeps one or few "
        "tunnels, and relays carry the rest.",
    ),
    Code(
        "W219",
        "same LAN numbers in two places",
        "A LAN behind a node has the same addresses as the LAN of another site. The nodes there"
        " cannot get the route: their own LAN would be cut off. They do not reach the other "
        "LAN; all other nodes do. Renumber one of the two (192.168.0.0/24 and 192.168.1.0/24 "
        "are what most routers come with).",
    ),
    Code(
        "W220",
        "single point of failure",
        "When this relay is down, the named pairs cannot reach each other, because no other relay "
        "connects them. Make a second public node a relay. AllowedIPs do not change by themselves: "
        "whatever goes through the failed relay waits until a build without it gives these pairs "
        "another way. For a small network one relay may well be enough.",
    ),
    Code(
        "E221",
        "endpoint by name beside exceptions",
        "With `exit_except` AllowedIPs are the list of all the rest, without a default route, and "
        "wg-quick puts that list into the main routing table. WireGuard's own packets to an "
        "endpoint would follow it into the tunnel that they carry, unless the endpoint's address "
        "is left out as well. meshc does that for addresses; where a name leads is not known "
        "before the node looks it up. Write the address before the name. The apps of phones, "
        "macOS and Windows, and OpenWrt, keep these packets apart by themselves.",
    ),
    Code(
        "W222",
        "kill switch without effect",
        "The node uses an exit and is to have a kill switch, but nothing can be emitted that "
        "holds back its packets: its platform runs no hooks, or `table` puts the tunnel's default "
        "route where WireGuard's own packets cannot be told from others. Apps of phones, macOS "
        "and Windows have switches of their own for it.",
    ),
    Code(
        "W223",
        "endpoint that nobody uses",
        "WireGuard knows one endpoint for a peer, and there is no second try. Every node takes the "
        "first of the list in a family that both ends speak, and a host name counts for both; what "
        "stands behind it is not used.",
    ),
    Code(
        "W224",
        "agent that cannot take over",
        "An agent moves its node to another relay when the one that it lives with does not answer. "
        "That takes a second relay which the node has a session with, an agent on every relay, and "
        "a link between all relays, because those who live with different relays meet there. Who "
        "uses a relay as its exit stays with it. "
        "The network works as compiled without them.",
    ),
    Code(
        "E227",
        "demanded link that policies forbid",
        "`links:` says `direct: true` for a pair between which no rule allows anything, or of "
        "which one cannot filter and the other could send it what no rule allows: nobody would "
        "stand between the two. Without the line they are kept apart, or a relay carries what is "
        "allowed and drops the rest.",
    ),
    Code(
        "I230",
        "exit user without a name server",
        "All of this node's traffic goes through the exit, but its file names no DNS server, so "
        "that it keeps asking the resolver of the place where it is. In a LAN that one is asked "
        "outside of the tunnel, where the place sees every name; elsewhere it may not answer at "
        "an address that it does not know. Set `dns`.",
    ),
    Code(
        "I231",
        "moves at run time",
        "The proof walks the emitted files. What agents make of them when a relay dies it does not "
        "walk: a leaf has everything on one relay, and every relay hands it on there, whichever "
        "that is. The lab measures it.",
    ),
)
