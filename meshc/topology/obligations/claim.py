"""A claim: an entry of `tests:`, both ends resolved to the nodes and prefixes that it means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from meshc.errors import PrefixFormatError
from meshc.prefixes import Prefix
from meshc.topology.language.spec import Expect, TestSpec
from meshc.values import dataclass

Addresses = Mapping[str, tuple[Prefix, ...]]


@dataclass(frozen=True, slots=True)
class ClaimEnd:
    """One end. `names` are nodes by name, in every family; `addressed` are (family, node) where
    an address or a prefix of the pools was written; `prefixes` lie outside of the pools: LANs and
    the internet. `nobody` is what was written and means no one."""

    names: tuple[str, ...] = ()
    addressed: tuple[tuple[int, str], ...] = ()
    prefixes: tuple[Prefix, ...] = ()
    nobody: tuple[str, ...] = ()

    def nodes(self, family: int) -> tuple[str, ...]:
        """The nodes that are meant in one family, each once."""
        more = (name for of, name in self.addressed if of == family)
        return tuple(dict.fromkeys((*self.names, *more))) if self.addressed else self.names

    def holds(self, address: Prefix) -> bool:
        """Whether a host outside of the pools is meant."""
        return any(prefix.contains(address) for prefix in self.prefixes)

    @property
    def empty(self) -> bool:
        return not (self.names or self.addressed or self.prefixes)


@dataclass(frozen=True, slots=True)
class Claim:
    """What one test says, about whom."""

    test: TestSpec
    sources: ClaimEnd
    targets: ClaimEnd

    @property
    def apart(self) -> bool:
        """Whether nothing may arrive."""
        return self.test.expect is Expect.UNREACHABLE


def read_claims(
    tests: Iterable[TestSpec],
    *,
    addresses: Addresses,
    pools: tuple[Prefix, ...],
    routes: Iterable[Prefix],
) -> tuple[Claim, ...]:
    """Resolves every test; `addresses` are those of the nodes, `routes` the LANs behind them."""
    reader = _Reader(addresses, pools, tuple(routes))
    return tuple(
        Claim(test, reader.end(test.sources, sender=True), reader.end(test.targets, sender=False))
        for test in tests
    )


class _Reader:
    def __init__(
        self, addresses: Addresses, pools: tuple[Prefix, ...], routes: tuple[Prefix, ...]
    ) -> None:
        self.addresses = addresses
        self.pools = pools
        self.routes = routes

    def end(self, written: tuple[str, ...], *, sender: bool) -> ClaimEnd:
        names: list[str] = []
        addressed: list[tuple[int, str]] = []
        prefixes: list[Prefix] = []
        nobody: list[str] = []
        for text in written:
            prefix = _prefix(text) if text not in self.addresses else None
            if prefix is None:
                names.append(text)
                continue
            found = [(prefix.family, name) for name in self.inside(prefix)]
            addressed += found
            if any(pool.contains(prefix) for pool in self.pools):
                outside = False
            else:
                # a packet can come from a LAN behind a node, but from nowhere in the internet
                outside = not sender or any(route.overlaps(prefix) for route in self.routes)
            if outside:
                prefixes.append(prefix)
            elif not found:
                nobody.append(text)
        return ClaimEnd(tuple(names), tuple(addressed), tuple(prefixes), tuple(nobody))

    def inside(self, prefix: Prefix) -> Iterator[str]:
        for name, addresses in self.addresses.items():
            if any(prefix.contains(address) for address in addresses):
                yield name


def _prefix(text: str) -> Prefix | None:
    try:
        return Prefix.parse(text)
    except PrefixFormatError:
        return None
