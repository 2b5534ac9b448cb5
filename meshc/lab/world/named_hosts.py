"""Named hosts: the addresses inside LANs that policies or tests tell apart, each of which gets a
host of its own in a lab. Without policies any host of a LAN stands for all of it."""

from __future__ import annotations

from meshc.errors import PrefixFormatError
from meshc.prefixes import Prefix
from meshc.topology.language.spec import Spec

# of one LAN: a rule may name a thousand addresses
MOST = 8


def named_hosts(spec: Spec, lan: Prefix) -> tuple[Prefix, ...]:
    """One address for each prefix that is written and lies inside of this LAN, sorted."""
    if spec.policies is None:
        return ()
    ends = (end for r in spec.policies for end in (r.sources, r.targets, r.excluded))
    written = {prefix for end in ends for prefix in end.prefixes}
    texts = {text for test in spec.tests for text in (*test.sources, *test.targets)}
    written |= {prefix for prefix in map(_prefix, texts) if prefix is not None}
    inside = (prefix for prefix in written if lan.contains(prefix) and prefix != lan)
    return tuple(sorted({_first(prefix) for prefix in inside}))[:MOST]


def _first(prefix: Prefix) -> Prefix:
    """The first address that a host may have: the first of all may be the network's."""
    roomy = prefix.last - prefix.value > 1
    return Prefix.host(Prefix(prefix.family, prefix.value + roomy, prefix.length).address)


def _prefix(text: str) -> Prefix | None:
    if "/" not in text:
        return None
    try:
        return Prefix.parse(text)
    except PrefixFormatError:
        return None
