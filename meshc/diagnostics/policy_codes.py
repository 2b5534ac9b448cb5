"""The codes 171 to 178: the section `policies:`."""

from __future__ import annotations

from meshc.diagnostics.code import Code

POLICY_CODES = (
    Code(
        "E171",
        "end of a rule that nobody is",
        "The two ends of a rule are nodes, groups, sites, the LANs behind a node (`nas:lan`, "
        "`all:lan`), fixed addresses, prefixes of LANs, `all` (nodes) and, as a target, "
        "`internet`. This one is nobody's, or could be two things, so that a rule about it would "
        "not do what it says.",
    ),
    Code(
        "W172",
        "rule that allows nothing",
        "Nobody is left on one side of the rule: `except` takes them out, or a group is empty. Or "
        "both sides are one and the same node, which needs no rule to reach itself.",
    ),
    Code(
        "W173",
        "rule that another covers",
        "Rules only allow, and their order means nothing. Everything that this rule allows is "
        "allowed by the other one too, so that removing it changes nothing; narrowing it, which "
        "somebody may want one day, would not change anything either.",
    ),
    Code(
        "E174",
        "policies by a tool that the platform has not",
        "With `policies:` every node that has a file must hold to them. On OpenWrt they are a text "
        "for nft that its own firewall (fw4, since 22.03) loads with its rules; there is none for "
        "iptables. A node with `managed: false` is protected by the relays on the way to it.",
    ),
    Code(
        "E175",
        "relay that cannot filter",
        "Receivers that cannot filter (phones, Windows, macOS, partners) are protected by the "
        "relays on the way to them, and everybody relies on relays not to pass on what no rule "
        "allows. A relay must be a Linux node or a router whose file meshc writes.",
    ),
    Code(
        "W176",
        "exit that no rule opens",
        "The node names an exit, and the network has policies, none of which lets the node reach "
        "`internet`. It gets no default route through the exit.",
    ),
    Code(
        "W177",
        "policies cut the way of deploy",
        "`deploy: {host: …}` is an address inside the network, so that `meshc deploy` reaches the "
        "node through the tunnel, and no rule lets anybody reach the SSH port there. Once these "
        "policies are in force, the node can no longer be deployed to that way.",
    ),
    Code(
        "E178",
        "not a service",
        "A service is a protocol, with ports for tcp and udp: tcp/443, tcp/8000-8100, udp/53, tcp, "
        "udp, icmp (of both families), or all. A number alone does not say which protocol.",
    ),
)
