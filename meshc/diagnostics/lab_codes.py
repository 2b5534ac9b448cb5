"""Codes 8xx: what a lab is asked for and cannot play."""

from __future__ import annotations

from meshc.diagnostics.code import Code

LAB_CODES = (
    Code(
        "E801",
        "endpoint behind a carrier's NAT",
        "The lab is asked to put a carrier-grade NAT in front of a site or node that has a public "
        "endpoint. Behind such a NAT no port can be forwarded, so the endpoint would be "
        "dead, and the lab would measure something else than the file says. Take `double_nat` (or "
        "--double-nat) away, or the `endpoint` of the nodes there: they then reach the others "
        "through a relay.",
    ),
    Code(
        "E802",
        "no such place in the lab",
        "An option of `meshc lab` names a site or node that the topology does not have, or that "
        "hangs on a site's LAN and so has no uplink of its own. Uplinks belong to sites and to "
        "nodes without a site; NAT kinds belong to sites and nodes. A wrong name would silently "
        "change nothing.",
    ),
)
