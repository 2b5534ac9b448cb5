"""A UDP path to a peer: its address and port in the outer network and, optionally, our side."""

from __future__ import annotations

from errno import EINVAL
from ipaddress import IPv6Address
from typing import NamedTuple

from meshc.errors import ConfigError, PrefixFormatError
from meshc.prefixes import parse_address
from meshc.wg.endpoint import Endpoint


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

    @classmethod
    def to(cls, endpoint: Endpoint) -> UdpPath:
        """The path to a configured endpoint. Raises: ConfigError unless it is an address, with the
        index of its interface if it has a zone."""
        host, percent, zone = endpoint.host.partition("%")
        try:
            address = parse_address(host)
        except PrefixFormatError:
            raise ConfigError("an endpoint holds a numeric address", errno=EINVAL) from None
        if percent and not (zone.isascii() and zone.isdigit()):
            raise ConfigError("the scope of an endpoint is an interface index", errno=EINVAL)
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return cls(str(address), endpoint.port, int(zone or 0))

    @property
    def endpoint(self) -> Endpoint:
        """What a configuration calls it."""
        return Endpoint(f"{self.host}%{self.scope}" if self.scope else self.host, self.port)

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
        return str(self.endpoint)
