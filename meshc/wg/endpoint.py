"""An endpoint: where a peer is reached in the outer network, host and UDP port."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from meshc.errors import PrefixFormatError
from meshc.prefixes import parse_address
from meshc.secret import quoted


class Endpoint(NamedTuple):
    """An endpoint as written: a host name or a literal address (without brackets), and a port.

    A link-local address of a running device may carry its interface: `fe80::1%3`.
    """

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, *, numeric: bool = False) -> Endpoint:
        """`host:port` or `[v6]:port`.

        `numeric` is the form of a running device (UAPI, a configuration that was resolved): an
        address, which may have a zone, and a port that may be 0. Raises: PrefixFormatError.
        """
        host, colon, port = text.rpartition(":")
        digits = port.isascii() and port.isdigit() and len(port) <= 5
        if not (colon and host and digits and (not numeric) <= int(port) <= 65535):
            raise PrefixFormatError(f"{quoted(text)} is not host:port")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
            address = host.partition("%")[0] if numeric else host
            if parse_address(address).version == 4 and numeric:
                raise PrefixFormatError(f"{quoted(text)}: brackets are for IPv6 addresses")
        elif ":" in host:
            raise PrefixFormatError(f"{quoted(text)}: an IPv6 endpoint is written [address]:port")
        elif numeric:
            parse_address(host)
        return cls(host, int(port))

    @property
    def family(self) -> int | None:
        """4 or 6 for a literal address, None for a host name."""
        return _family(self.host)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@lru_cache(maxsize=1 << 14)
def _family(host: str) -> int | None:
    # a planner asks the same few thousand hosts a million times
    try:
        return parse_address(host.partition("%")[0]).version
    except PrefixFormatError:
        return None
