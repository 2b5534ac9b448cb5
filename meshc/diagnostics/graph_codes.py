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
)
