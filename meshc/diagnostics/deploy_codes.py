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
)
