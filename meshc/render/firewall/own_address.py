"""The own address of a leaf in its rules: often all that tells them from those of its neighbours.

Rules that look at nothing but what comes to one address are written once, about a sign in its
place, and each of the nodes gets that text with its address for the sign.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from meshc.prefixes import BITS, Prefix
from meshc.topology.planner.policy.flow_rules import AccessRow, AccessRules, FamilyRules, Grant

# Addresses that no host has, and whose text is part of no other address.
_SIGN = {family: Prefix(family, (1 << bits) - 1, bits) for family, bits in BITS.items()}


class SharedRules(NamedTuple):
    """Rules about signs, and the address for each."""

    rules: tuple[FamilyRules, ...]
    addresses: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, firewall: Sequence[FamilyRules]) -> SharedRules:
        """The rules as they are where they are about more than an own address."""
        rules, addresses = [], []
        for one in firewall:
            own = _own(one)
            if own is not None:
                one = one._replace(access=_about(own.access, _SIGN[one.family]))
                addresses.append((_SIGN[one.family].address, own.prefix.address))
            rules.append(one)
        return cls(tuple(rules), tuple(addresses))

    def told(self, lines: Iterable[str]) -> tuple[str, ...]:
        """Lines about signs, about the addresses."""
        if not self.addresses:
            return tuple(lines)
        text = "\n".join(lines)
        for sign, address in self.addresses:
            text = text.replace(sign, address)
        return tuple(text.split("\n"))


class _Own(NamedTuple):
    prefix: Prefix
    access: AccessRules


def _own(rules: FamilyRules) -> _Own | None:
    """The one address that all is about; None where more is looked at."""
    access = rules.access
    if access is None or rules.forward or rules.nat or len(access.inbound) != 1:
        return None
    (own,) = access.inbound
    sign = _SIGN[rules.family]
    if access.lans or access.outbound or not own.is_host or sign in access.strangers:
        return None
    for sources, grants in access.rows:
        if len(grants) != 1 or grants[0].targets != access.inbound or sign in sources:
            return None
    return _Own(own, access)


def _about(access: AccessRules, prefix: Prefix) -> AccessRules:
    own = (prefix,)
    rows = tuple(
        AccessRow(sources, (Grant(own, grants[0].services),)) for sources, grants in access.rows
    )
    return access._replace(inbound=own, rows=rows)
