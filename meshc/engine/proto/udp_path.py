"""A UDP path to a peer: its address and port in the outer network and, optionally, our side."""

from __future__ import annotations

from ipaddress import IPv6Address
from typing import NamedTuple


class UdpPath(NamedTuple):
    """Where datagrams go; `source` and `interface` are the sticky part (what the last datagram came
    in by, wireguard-go's "sticky socket"), empty when the kernel shall choose.

    `host` is the text of an IPv4 or IPv6 address (never a name, never v4-mapped);
    `scope` is the interface index of a link-local address.
    """

    host: str
    port: int
    scope: int = 0
    source: str = ""
    interface: int = 0

    @property
    def family(self) -> int:
        """4 or 6."""
        return 6 if ":" in self.host else 4

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.port

    def without_source(self) -> UdpPath:
        """The same place, with our side left to the kernel."""
        return UdpPath(self.host, self.port, self.scope) if self.source else self

    def packed(self) -> bytes:
        """Address and port as the cookie covers them (whitepaper 5.4.7)."""
        host = self.host
        # split is a fifth of what IPv4Address takes, for every message of a flood
        v6 = ":" in host
        address = IPv6Address(host).packed if v6 else bytes(map(int, host.split(".")))
        return address + self.port.to_bytes(2, "big")

    def __str__(self) -> str:
        if ":" not in self.host:
            return f"{self.host}:{self.port}"
        scope = f"%{self.scope}" if self.scope else ""
        return f"[{self.host}{scope}]:{self.port}"
