"""The iptables rule as a packet meets it: conditions and target, read from the words of a command.

A condition that the proof does not model (a protocol, a limit, a mark) makes a rule uncertain: it
is no permission, and where it could drop or rewrite a packet nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise, product
from typing import NamedTuple

from meshc.errors import PrefixFormatError
from meshc.prefixes import Prefix

TUNNEL = "%i"
OUTSIDE = "LAN or WAN"


class Flow(NamedTuple):
    """A packet as a forwarding rule sees it. `way_in` and `way_out` are `TUNNEL` or `OUTSIDE`;
    `established` when it answers a packet that was let through before. `protocol` is tcp, udp,
    icmp (of both families), any other word for another one, and empty when nothing is said."""

    family: int
    source: int
    target: int
    way_in: str
    way_out: str
    established: bool = False
    protocol: str = ""
    port: int = 0


class Rule(NamedTuple):
    """One rule of a chain; `text` is how it was written, without `-A CHAIN`. With `goto`, a chain
    that ends or returns does so for the chain of this rule as well. `sources` is a list of which
    the source is one, where there is no `source`."""

    target: str
    text: str
    way_in: str = ""
    way_out: str = ""
    source: Prefix | None = None
    destination: Prefix | None = None
    states: frozenset[str] | None = None
    negated: frozenset[str] = frozenset()
    modelled: bool = True
    protocol: str = ""
    ports: tuple[int, int] | None = None
    goto: bool = False
    sources: tuple[Prefix, ...] = ()

    def matches(self, flow: Flow, interface: str) -> bool:
        """Whether every condition of the rule holds for this packet."""
        known = self.modelled and not (self.protocol and not flow.protocol)
        return known and self.may_match(flow, interface)

    @property
    def begins(self) -> bool:
        """Whether it is only about packets that begin something (`! --ctstate ESTABLISHED`)."""
        return self.states is not None and (
            "--ctstate" in self.negated and "ESTABLISHED" in self.states
        )

    def serves(self, protocol: str, port: int) -> bool:
        """Whether protocol and port are among those of the rule."""
        if self.protocol and self.protocol != protocol:
            return False
        return self.ports is None or self.ports[0] <= port <= self.ports[1]

    def on_its_way(self, flow: Flow, interface: str) -> bool:
        """Whether the conditions hold that are about interfaces and the connection's state."""
        return (
            _way(self.way_in, flow.way_in, interface, "-i" in self.negated)
            and _way(self.way_out, flow.way_out, interface, "-o" in self.negated)
            and _in_state(self.states, flow, "--ctstate" in self.negated)
        )

    def may_match(self, flow: Flow, interface: str) -> bool:
        """Whether every condition holds that the proof can judge."""
        return (
            self.on_its_way(flow, interface)
            and _inside(self.source, flow.family, flow.source, "-s" in self.negated)
            and (
                not self.sources
                or any(
                    _inside(one, flow.family, flow.source, negated=False) for one in self.sources
                )
            )
            and _inside(self.destination, flow.family, flow.target, "-d" in self.negated)
            and (not flow.protocol or self.serves(flow.protocol, flow.port))
        )


# Words that say what the target does, and not when.
_OF_THE_TARGET = frozenset(
    ("--comment", "--reject-with", "--to", "--to-source", "--to-destination", "--to-ports",
     "--log-prefix", "--log-level", "--set-mss", "--clamp-mss-to-pmtu", "--random",
     "--random-fully", "--persistent", "--set-mark", "--set-xmark", "--save-mark",
     "--restore-mark", "--nflog-group", "--nflog-prefix")
)  # fmt: skip
_FLAGS = {
    "--in-interface": "-i",
    "--out-interface": "-o",
    "--source": "-s",
    "--src": "-s",
    "--destination": "-d",
    "--dst": "-d",
    "--jump": "-j",
    "--goto": "-g",
    "--protocol": "-p",
    "--destination-port": "--dport",
    "--match": "-m",
    "--to-dest": "--to-destination",
    "--state": "--ctstate",
}

_JUMPS = frozenset(("-j", "--jump", "-g", "--goto"))


_SIDES = frozenset(("-s", "-d"))


def read_rules(words: list[str]) -> Iterator[Rule]:
    """The rules of one command: iptables(8) makes one of each pair of what stands in the lists of
    `-s` and `-d`, and refuses a negated list. Those that hide sources keep theirs as a list."""
    if not any("," in word for word in words):
        yield read_rule(words)
        return
    places = [at + 1 for at, word in enumerate(words[:-1]) if _FLAGS.get(word, word) in _SIDES]
    lists = [at for at in places if "," in words[at] and words[at - 2 : at - 1] != ["!"]]
    if not lists:
        yield read_rule(words)
        return
    bare = words.copy()
    for at in lists:
        bare[at] = words[at].partition(",")[0]
    first = read_rule(bare)._replace(text=" ".join(words))
    named = {_FLAGS.get(words[at - 1], words[at - 1]): words[at].split(",") for at in lists}
    sources, good_sources = _prefixes(named.get("-s", ()))
    targets, good_targets = _prefixes(named.get("-d", ()))
    rule = first._replace(modelled=first.modelled and good_sources and good_targets)
    if rule.target == "MASQUERADE" and sources:
        rule, sources = rule._replace(source=None, sources=sources), ()
    for source, target in product(sources or (rule.source,), targets or (rule.destination,)):
        yield rule._replace(source=source, destination=target)


def _prefixes(texts: Iterable[str]) -> tuple[tuple[Prefix, ...], bool]:
    found = [side(text) for text in texts]
    return tuple(p for p, _ in found if p is not None), all(good for _, good in found)


def read_rule(words: list[str]) -> Rule:
    """The conditions and the target of one iptables rule."""
    found: dict[str, str] = {}
    negated: set[str] = set()
    modelled = True
    at = 0
    no = False
    while at < len(words):
        flag = _FLAGS.get(words[at], words[at])
        value = words[at + 1] if at + 1 < len(words) else ""
        if flag == "!":
            no = True
            at += 1
            continue
        if flag in ("-i", "-o", "-s", "-d", "-j", "-g", "--ctstate"):
            found[flag] = value
            if no:
                negated.add(flag)
        elif flag in ("-p", "--dport") and not no and _service(flag, value) is not None:
            found[flag] = value
        elif flag == "-m":
            modelled &= value in ("conntrack", "state", "comment")
        elif flag not in _OF_THE_TARGET:
            modelled = modelled and flag == "-p" and value == "all"
        no = False
        at += 1
        # `--syn` has no value, `--tcp-flags` has two: whatever it is, the next flag begins anew
        while at < len(words) and not words[at].startswith("-") and words[at] != "!":
            at += 1
    states = frozenset(found["--ctstate"].split(",")) if "--ctstate" in found else None
    source, good_source = side(found.get("-s"))
    destination, good_destination = side(found.get("-d"))
    protocol = _service("-p", found.get("-p", ""))
    ports = _service("--dport", found.get("--dport", ""))
    return Rule(
        target=found.get("-j", "") or found.get("-g", ""),
        text=" ".join(words),
        way_in=found.get("-i", ""),
        way_out=found.get("-o", ""),
        source=source,
        destination=destination,
        states=states,
        negated=frozenset(negated),
        modelled=modelled and good_source and good_destination,
        protocol=protocol if isinstance(protocol, str) else "",
        ports=ports if isinstance(ports, tuple) else None,
        goto="-g" in found,
    )


def target_of(words: list[str]) -> str:
    """The target alone, of the last jump as iptables reads them; empty without one."""
    target = ""
    for flag, value in pairwise(words):
        if flag in _JUMPS:
            target = value
    return target


def _service(flag: str, value: str) -> str | tuple[int, int] | None:
    """A protocol or a span of ports; None for one that the proof does not model."""
    if flag == "-p":
        return _PROTOCOLS.get(value)
    low, colon, high = value.partition(":")
    if not (low.isdigit() and (high.isdigit() or not colon)):
        return None
    return int(low), int(high or low)


_PROTOCOLS = {
    "tcp": "tcp",
    "udp": "udp",
    "icmp": "icmp",
    "icmpv6": "icmp",
    "ipv6-icmp": "icmp",
    "sctp": "sctp",
}


def _in_state(states: frozenset[str] | None, flow: Flow, negated: bool) -> bool:
    if states is None:
        return True
    return (("ESTABLISHED" if flow.established else "NEW") in states) != negated


@lru_cache(maxsize=1 << 14)
def side(text: str | None) -> tuple[Prefix | None, bool]:
    """What stands behind `-s` or `-d`, and whether it can be read."""
    if text is None:
        return None, True
    try:
        return Prefix.parse(text), True
    except PrefixFormatError:
        return None, False


def _way(pattern: str, way: str, interface: str, negated: bool) -> bool:
    """Whether an interface pattern of a rule covers the side that the packet uses."""
    if not pattern:
        return True
    if pattern.endswith("+"):
        tunnel = interface.startswith(pattern[:-1])
    else:
        tunnel = pattern in (TUNNEL, interface, f"${{{TUNNEL}}}")
    return (tunnel == (way == TUNNEL)) != negated


def _inside(prefix: Prefix | None, family: int, address: int, negated: bool) -> bool:
    if prefix is None:
        return True
    inside = prefix.family == family and prefix.value <= address <= prefix.last
    return inside != negated
