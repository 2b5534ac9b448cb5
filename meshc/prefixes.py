"""IP prefixes as small comparable values.

`ipaddress` objects cost about a microsecond each to make and hash; a full mesh of a thousand
nodes handles millions of prefixes, so here a prefix is a plain tuple of integers.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple

from meshc.errors import PrefixFormatError
from meshc.secret import quoted

BITS = {4: 32, 6: 128}
_OCTETS = {str(number): number for number in range(256)}
_LENGTHS = {str(number): number for number in range(33)}


class Prefix(NamedTuple):
    """`value/length` of family 4 or 6; orders by family, address, length."""

    family: int
    value: int
    length: int

    @classmethod
    def parse(cls, text: str, *, strict: bool = False) -> Prefix:
        """Reads `10.0.0.0/24`, `10.0.0.1` (a host) or `fd00::/64`; host bits are cleared.

        Raises: PrefixFormatError when it is none of these, or, with `strict`, has host bits set.
        """
        family, value, length = split_prefix(text)
        prefix = cls(family, mask(family, value, length), length)
        if strict and prefix.value != value:
            raise PrefixFormatError(f"{quoted(text)} has host bits set; the prefix is {prefix}")
        return prefix

    @classmethod
    def host(cls, address: str | IPv4Address | IPv6Address) -> Prefix:
        """The /32 or /128 of one address. Raises: PrefixFormatError."""
        if isinstance(address, str):
            address = parse_address(address)
        return cls(address.version, int(address), BITS[address.version])

    @property
    def is_host(self) -> bool:
        return self.length == BITS[self.family]

    @property
    def last(self) -> int:
        """The highest address in the prefix, as an integer."""
        return self.value | ((1 << (BITS[self.family] - self.length)) - 1)

    @property
    def address(self) -> str:
        """The first address as text, without the length."""
        return address_text(self.family, self.value)

    def contains(self, other: Prefix) -> bool:
        return (
            self.family == other.family
            and self.length <= other.length
            and mask(self.family, other.value, self.length) == self.value
        )

    def overlaps(self, other: Prefix) -> bool:
        return self.contains(other) or other.contains(self)

    def network(self) -> IPv4Network | IPv6Network:
        cls = IPv4Network if self.family == 4 else IPv6Network
        return cls((self.value, self.length))

    # a value, and a network writes the same ones again and again
    @lru_cache(maxsize=1 << 17)  # noqa: B019
    def __str__(self) -> str:
        return f"{address_text(self.family, self.value)}/{self.length}"


DEFAULT_V4 = Prefix(4, 0, 0)
DEFAULT_V6 = Prefix(6, 0, 0)
# what organisations number their own networks from: RFC 1918 section 3, RFC 4193 section 3.1
PRIVATE_SPACE = (
    Prefix(4, 0x0A000000, 8),
    Prefix(4, 0xAC100000, 12),
    Prefix(4, 0xC0A80000, 16),
    Prefix(6, 0xFC << 120, 7),
)


class InterfaceAddress(NamedTuple):
    """An address with the prefix length of its interface: `10.44.0.1/24`."""

    family: int
    value: int
    length: int

    @classmethod
    def parse(cls, text: str) -> InterfaceAddress:
        """Raises: PrefixFormatError."""
        return cls(*split_prefix(text))

    @property
    def address(self) -> str:
        return address_text(self.family, self.value)

    @property
    def host(self) -> Prefix:
        return Prefix(self.family, self.value, BITS[self.family])

    @property
    def network(self) -> Prefix:
        return Prefix(self.family, mask(self.family, self.value, self.length), self.length)

    def __str__(self) -> str:
        return f"{self.address}/{self.length}"


def mask(family: int, value: int, length: int) -> int:
    """Clears the host bits of `value`."""
    shift = BITS[family] - length
    return (value >> shift) << shift


def parse_address(text: str) -> IPv4Address | IPv6Address:
    """Reads one address without a length. Raises: PrefixFormatError (zone ids are refused)."""
    try:
        address = ip_address(text.strip())
    except ValueError:
        raise PrefixFormatError(f"{quoted(text)} is not an IP address") from None
    if isinstance(address, IPv6Address) and address.scope_id:
        raise PrefixFormatError(f"{quoted(text)} has a zone id, which has no meaning here")
    return address


def split_prefix(text: str) -> tuple[int, int, int]:
    """`10.0.0.1/24` -> family, address, 24; no length means a host. Raises: PrefixFormatError."""
    head, slash, tail = text.strip().partition("/")
    try:
        # as everybody writes IPv4; whatever is written otherwise is read below
        a, b, c, d = map(_OCTETS.__getitem__, head.split("."))
        return 4, a << 24 | b << 16 | c << 8 | d, _LENGTHS[tail] if slash else 32
    except (KeyError, ValueError):
        address = parse_address(head)
    bits = BITS[address.version]
    if not slash:
        return address.version, int(address), bits
    if not (tail.isascii() and tail.isdigit() and len(tail) <= 3 and int(tail) <= bits):
        raise PrefixFormatError(f"{quoted(text)}: the length after the slash goes from 0 to {bits}")
    return address.version, int(address), int(tail)


def address_text(family: int, value: int) -> str:
    """The usual text of an address (RFC 5952 for IPv6)."""
    if family == 4:
        return ".".join(map(str, value.to_bytes(4, "big")))
    return str(IPv6Address(value))


def collapse(prefixes: Iterable[Prefix]) -> tuple[Prefix, ...]:
    """The smallest sorted set of prefixes that covers the same addresses."""
    result: list[Prefix] = []
    before, value, length = 0, 0, 0
    for prefix in sorted(set(prefixes)):
        family, here, _ = prefix
        if family == before:
            shift = BITS[family] - length
            if here >> shift == value >> shift:  # it lies inside, as what is longer sorts behind
                continue
        result.append(prefix)
        while len(result) > 1 and (joined := _joined(result[-2], result[-1])):
            result[-2:] = [joined]
        before, value, length = result[-1]
    return tuple(result)


def without(prefixes: Iterable[Prefix], holes: Iterable[Prefix]) -> tuple[Prefix, ...]:
    """What is left of `prefixes` without `holes`, as the fewest prefixes, sorted."""
    cut = collapse(holes)
    left: list[Prefix] = []
    for prefix in collapse(prefixes):
        family, first, last = prefix.family, prefix.value, prefix.last
        # of the holes that begin before it only the nearest can reach into it
        for hole in cut[max(bisect_left(cut, Prefix(family, first, 0)) - 1, 0) :]:
            if (hole.family, hole.value) > (family, last):
                break
            if hole.family != family or hole.last < first:
                continue
            left += spanning(family, first, hole.value - 1)
            first = hole.last + 1
        left += spanning(family, first, last)
    return collapse(left)


def halves(prefix: Prefix) -> tuple[Prefix, Prefix]:
    """The two prefixes of one bit more; a host has none."""
    half = prefix.length + 1
    high = prefix.value + (1 << (BITS[prefix.family] - half))
    return Prefix(prefix.family, prefix.value, half), Prefix(prefix.family, high, half)


def spanning(family: int, first: int, last: int) -> tuple[Prefix, ...]:
    """The fewest prefixes that cover the addresses from `first` to `last`, both included."""
    found = []
    while first <= last:
        width = BITS[family] if not first else (first & -first).bit_length() - 1
        width = min(width, (last - first + 1).bit_length() - 1)
        found.append(Prefix(family, first, BITS[family] - width))
        first += 1 << width
    return tuple(found)


def _joined(low: Prefix, high: Prefix) -> Prefix | None:
    """The parent of two sibling prefixes, if they are siblings."""
    if low.family != high.family or low.length != high.length or low.length == 0:
        return None
    parent = Prefix(low.family, mask(low.family, low.value, low.length - 1), low.length - 1)
    return parent if low.value == parent.value and high.last == parent.last else None
