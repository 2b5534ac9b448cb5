"""The addresses of the simulated internet: lab-only ranges that the topology does not use.

Ranges made for tests come first: 198.18.0.0/15 (RFC 2544) and 2001:2::/48 (RFC 5180) for
the internet, 100.64.0.0/10 (RFC 6598) between a customer's NAT and a carrier's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshc.errors import StateError
from meshc.prefixes import BITS, InterfaceAddress, Prefix, address_text

INTERNET = {
    4: ("198.18.0.0/15", "203.0.112.0/20", "44.128.0.0/16"),
    6: ("2001:2::/48", "2001:db8:ffff::/48", "3fff:ffff::/48"),
}
CARRIER = ("100.64.0.0/10", "172.30.0.0/16", "10.254.0.0/16")
LANS = ("192.168.0.0/16", "172.16.0.0/12", "10.0.0.0/8")
LAN_LENGTH = {4: 24, 6: 64}


# RFC 1918, RFC 6598, RFC 3927, RFC 4193, RFC 4291: nobody on the internet has these.
_PRIVATE = (
    *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16"),
    *("127.0.0.0/8", "fc00::/7", "fe80::/10", "::1/128"),
)
PRIVATE = tuple(map(Prefix.parse, _PRIVATE))


def is_public(address: Prefix) -> bool:
    """Whether somebody on the internet may have this address."""
    return not any(private.contains(address) for private in PRIVATE)


class Addresses:
    """Hands out addresses that overlap with nothing in `used` and never repeats one."""

    def __init__(self, used: Iterable[Prefix]) -> None:
        self.used = set(used)
        self.internet = {family: self._free(INTERNET[family]) for family in (4, 6)}
        self.carrier = self._free(CARRIER)
        self._next = {"uplink": 256, "site": 1, "carrier": 2}
        self._lans = self._free_lans()

    def fixed(self, family: int, number: int) -> str:
        """The address of the internet's own machinery: 1 the gateway, 2 and up the public host."""
        return address_text(family, self.internet[family].value + number)

    def uplink(self) -> dict[int, str]:
        """A new public address in each family."""
        number = self._count("uplink")
        return {family: self.fixed(family, number) for family in (4, 6)}

    def site6(self) -> Prefix:
        """A new /64 for the hosts of a site: IPv6 needs no NAT."""
        number = self._count("site")
        return Prefix(6, self.internet[6].value + (number << 64), 64)

    def behind_carrier(self) -> str:
        """A new address between a site's NAT and the carrier's; number 1 is the carrier's own."""
        return address_text(4, self.carrier.value + self._count("carrier"))

    @property
    def carrier_gateway(self) -> str:
        return address_text(4, self.carrier.value + 1)

    def lan(self) -> Prefix:
        """A new private /24 for a site whose file names no LAN."""
        return next(self._lans)

    def _count(self, what: str) -> int:
        self._next[what] += 1
        return self._next[what] - 1

    def _free(self, candidates: Iterable[str]) -> Prefix:
        for text in candidates:
            prefix = Prefix.parse(text)
            if not any(prefix.overlaps(used) for used in self.used):
                return prefix
        raise StateError(
            f"the file uses all of {', '.join(candidates)}; the lab needs one of these ranges",
            hint="lab addresses must differ from the network's pools, LANs and endpoints",
        )

    def _free_lans(self) -> Iterator[Prefix]:
        for text in LANS:
            outer = Prefix.parse(text)
            step = 1 << (BITS[4] - LAN_LENGTH[4])
            for value in range(outer.value, outer.last, step):
                prefix = Prefix(4, value, LAN_LENGTH[4])
                if not any(prefix.overlaps(used) for used in self.used):
                    yield prefix
        raise StateError("no private /24 is left for the LANs of the lab")


def pick_host(prefix: Prefix, taken: Iterable[str], *, high: bool = False) -> InterfaceAddress:
    """A free host address in `prefix`, from below or from above, with the prefix's length.

    Network, broadcast and anycast addresses are left out where the prefix has room for that.
    Raises: StateError when everything is taken.
    """
    size = prefix.last - prefix.value + 1
    first, last = (1, size - 2) if size > 2 else (0, size - 1)
    used = set(taken)
    span = range(first, min(last, first + 65_535) + 1)
    if high:
        span = range(last, max(first, last - 65_535) - 1, -1)
    for offset in span:
        if address_text(prefix.family, prefix.value + offset) not in used:
            return InterfaceAddress(prefix.family, prefix.value + offset, prefix.length)
    raise StateError(f"no address is left in {prefix}")
