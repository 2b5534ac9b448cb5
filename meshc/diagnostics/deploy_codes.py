"""Codes 7xx: what keeps a node from being deployed, found out before anything is changed."""

from __future__ import annotations

from meshc.diagnostics.code import Code

DEPLOY_CODES = (
    Code(
        "E701",
        "node could not be asked",
        "The controller got no facts from this node: it is unreachable, refused the login, has "
        "another host key than known_hosts says, has no Python, or sudo did not let us in. The "
        "message says which. Nothing was changed there. What must work is `ssh` to the node from "
        "here without a question, and `python3` (3.8 or later) on it; nothing else is needed.",
    ),
    Code(
        "E702",
        "no right to change the network",
        "Addresses, routes and files below /etc/wireguard belong to root. The login user of this "
        "node is not root and the topology does not say that sudo may be used. Log in as root, "
        "or set `deploy: {become: true}` for a user with sudo.",
    ),
    Code(
        "E703",
        "node has no WireGuard tools",
        "What the topology asks for cannot be started on this node: its programs are missing. "
        "Install the distribution's `wireguard-tools`, or meshc in an environment of its own "
        "(python3 -m venv /opt/meshc, then pip install meshc and a link in /usr/local/bin) where "
        "its engine or its supervisor is wanted.",
    ),
    Code(
        "E704",
        "node cannot forward",
        "A relay, a router of a LAN or an exit forwards packets of others, for which meshc needs "
        "iptables (and ip6tables for IPv6) on the node. Without them the interface would come up "
        "and every packet for somebody else would be lost. Install iptables there.",
    ),
    Code(
        "E705",
        "no room or no right to write on the node",
        "The new file, a copy of the old one and the program that would put it back must be on "
        "the node before anything is touched. The file system there is full or read-only. Make "
        "room, or mount it writable, and deploy again; nothing was changed.",
    ),
    Code(
        "E706",
        "interface belongs to somebody else",
        "An interface of this name runs on the node, but wg-quick's file for it does not exist: "
        "NetworkManager, systemd-networkd or a container brought it up. meshc could not put it "
        "back if something went wrong. Take it down there, or choose another `interface` name.",
    ),
    Code(
        "E707",
        "another deploy is under way",
        "The node has been changed by a deploy that nobody has confirmed yet. Either another "
        "operator is at work, or a controller died; then the node puts back what ran before by "
        "itself when the time is over. Wait for that and deploy again.",
    ),
    Code(
        "E708",
        "change cuts the way to another node",
        "The way to others leads through the tunnels (deploy.host, a jump host), and this node "
        "is to get another key or port, or another session with one of them. A session needs both "
        "ends: those nodes must get their new file in the same moment, which "
        "one command for all of them does. A node that is not among them, or cannot be asked, "
        "would be out of reach afterwards; and where every node that changes is reached through "
        "the tunnels only, nobody is left who could put things back.",
    ),
    Code(
        "E709",
        "node runs a build that is not known here",
        "Somebody deployed this node from another checkout, and the journal here (mesh.deploys "
        "beside the topology, which belongs into the repository like the lock file) does not have "
        "that build: this checkout is older, or was changed beside the other one. Deploying would "
        "take back what the other deploy brought.",
    ),
    Code(
        "W710",
        "node was changed since the last deploy",
        "The file on the node is not the one that the last deploy put there (or no deploy ever "
        "did). Somebody edited it by hand, and what they changed would not hold any more. Look at "
        "the lines listed; move what is meant to stay into the topology file, and deploy with "
        "--overwrite-drift. The file stays beside the new one, with the day in its name.",
    ),
    Code(
        "E711",
        "UDP port is taken on the node",
        "Another program, or another WireGuard interface, listens at the port that this node is to "
        "have. The interface would not come up; or, with an engine in user space, come up and hear "
        "nothing. The message names who has it. End that, or choose another `listen_port`.",
    ),
    Code(
        "E712",
        "IPv6 is off on the node",
        "The kernel there has no IPv6, or has it switched off (net.ipv6.conf.*.disable_ipv6), and "
        "the file of the node has IPv6 addresses or prefixes. wg-quick fails at the first of them. "
        "Switch IPv6 on, let meshc run the interface (deploy.supervisor), which leaves IPv6 out "
        "there, or give the network no IPv6 pool.",
    ),
    Code(
        "E713",
        "forwarding cannot be switched on",
        "A relay, a router of a LAN or an exit forwards packets of others. The kernel's switch for "
        "that (net.ipv4.ip_forward, net.ipv6.conf.all.forwarding) is off on this node, and nothing "
        "below /proc/sys can be written, as in most containers. The interface would come up, and "
        "every packet for somebody else would be lost. The host of the container must set it.",
    ),
    Code(
        "W714",
        "foreign firewall is in the way",
        "A chain on the node that is not ours drops what comes to the UDP port of the interface, "
        "or what the node is to forward. The message names the chain and the rule, and only what "
        "is certain is told: a packet from anywhere is dropped by that very rule. meshc changes no "
        "rules of others: the hint has the command that would let it pass; `open_port: true` opens "
        "our own port, as far as our chain can. `meshc plan` and `deploy` exit with 1 until then.",
    ),
    Code(
        "W715",
        "node has other routes into the network",
        "The node has a route to addresses that the network reaches through the tunnel, and that "
        "route is the same or more specific: another tunnel (a VPN of a company, another mesh), "
        "a container bridge, or a LAN with the same numbers. What it matches never gets into this "
        "tunnel; where it is the very same prefix, wg-quick may fail.",
    ),
    Code(
        "W716",
        "way to a peer has a smaller MTU",
        "The route to the endpoint of a peer has an MTU that is too small for full packets of this "
        "tunnel (60 bytes more over IPv4, 80 over IPv6): they are fragmented, or lost where "
        "fragments are dropped. `uplink_mtu` on the node or its site says what the uplink carries "
        "(PPPoE: 1492), and `mtu: auto` follows from it.",
    ),
    Code(
        "W717",
        "clock of the node is wrong",
        "It differs by more than two minutes from the clock here. WireGuard's handshakes carry the "
        "time, and a peer takes none that is older than the last: a node whose clock was set back "
        "(no battery, no NTP yet) is refused until it has caught up. Its logs and certificates "
        "suffer as well. Set the clock and keep it.",
    ),
    Code(
        "E718",
        "mark of a default route cannot be set",
        "The user of an exit marks WireGuard's own packets, and net.ipv4.conf.all.src_valid_mark "
        "lets the answers to them pass a strict rp_filter. Nothing below /proc/sys can be written "
        "on this node, as in most containers, and wg-quick gives up where it cannot write it, even "
        "if the value is right. `meshc up` (deploy.supervisor `meshc` or `systemd`) writes none "
        "that is there.",
    ),
)
