"""The overhead of the tunnel, and the MTUs that it leaves.

A WireGuard packet adds its header and its tag (whitepaper section 5.4.6), a UDP header and an IP
header: 60 bytes over IPv4, 80 over IPv6. Over Ethernet that leaves 1440 and 1420; 1420 is also
what wg-quick(8) takes when it knows no path.
"""

from __future__ import annotations

UNDERLAY_MTU = 1500
_IP_HEADER = {4: 20, 6: 40}
_UDP_HEADER = 8
_MESSAGE_HEADER, _TAG = 16, 16

OVERHEAD = {
    family: header + _UDP_HEADER + _MESSAGE_HEADER + _TAG for family, header in _IP_HEADER.items()
}
"""By the family of the outer packets."""
TUNNEL_MTU = {family: UNDERLAY_MTU - overhead for family, overhead in OVERHEAD.items()}
DEFAULT_MTU = TUNNEL_MTU[6]
"""Fits over both families."""
LEAST_IPV6_MTU = 1280
"""RFC 8200 section 5: below it an interface has no IPv6."""
