"""What a node forwards, read from its hook lines: sysctl switches and iptables rules.

Only what the file itself turns on counts. A rule that depends on anything which the proof does
not model (a protocol, a limit, a mark) is no permission, and no obstacle either.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from meshc.errors import PrefixFormatError
from meshc.prefixes import Prefix
from meshc.topology.proof.hook_commands import commands
from meshc.values import dataclass, field

TUNNEL = "%i"
OUTSIDE = "LAN or WAN"
_SWITCHES = {
    "net.ipv4.ip_forward": 4,
    "net.ipv4.conf.all.forwarding": 4,
    "net.ipv6.conf.all.forwarding": 6,
}
_TABLES = {"iptables": 4, "ip6tables": 6, "iptables-nft": 4, "ip6tables-nft": 6}
_DEEPEST = 16


class Flow(NamedTuple):
    """A packet as a forwarding rule sees it. `way_in` and `way_out` are `TUNNEL` or `OUTSIDE`;
    `established` when it answers a packet that was let through before."""

    family: int
    source: int
    target: int
    way_in: str
    way_out: str
    established: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a chain; `text` is how it was written, without `-A CHAIN`."""

    target: str
    text: str
    way_in: str = ""
    way_out: str = ""
    source: Prefix | None = None
    destination: Prefix | None = None
    states: frozenset[str] | None = None
    negated: frozenset[str] = frozenset()
    modelled: bool = True

    def matches(self, flow: Flow, interface: str) -> bool:
        """Whether every condition of the rule holds for this packet."""
        return (
            self.modelled
            and _way(self.way_in, flow.way_in, interface, "-i" in self.negated)
            and _way(self.way_out, flow.way_out, interface, "-o" in self.negated)
            and _inside(self.source, flow.family, flow.source, "-s" in self.negated)
            and _inside(self.destination, flow.family, flow.target, "-d" in self.negated)
            and (
                self.states is None or ("ESTABLISHED" if flow.established else "NEW") in self.states
            )
        )


@dataclass(slots=True)
class Firewall:
    """The switches and chains of one node after its PreUp and PostUp lines."""

    interface: str
    families: set[int] = field(default_factory=set)
    chains: dict[tuple[int, str, str], list[Rule]] = field(default_factory=dict)

    @classmethod
    def read(cls, lines: Iterable[str], interface: str) -> Firewall:
        """Runs the hook lines in their order, as far as they are about forwarding."""
        firewall = cls(interface)
        for line in lines:
            for words in commands(line):
                firewall._run(words)
        return firewall

    def forwarding(self, flow: Flow) -> tuple[bool, str]:
        """(accepted, the deciding rule or ''), by the FORWARD chain of the filter table."""
        rule = self._walk((flow.family, "filter", "FORWARD"), flow)
        return (rule is not None and rule.target == "ACCEPT", rule.text if rule else "")

    def masquerades(self, flow: Flow) -> bool:
        """Whether the source is replaced on the way out (nat POSTROUTING sees no way in)."""
        rule = self._walk((flow.family, "nat", "POSTROUTING"), flow)
        return rule is not None and rule.target in ("MASQUERADE", "SNAT")

    @property
    def shape(self) -> tuple[object, ...]:
        """Equal for nodes that forward the same."""
        chains = tuple((key, tuple(rules)) for key, rules in sorted(self.chains.items()))
        return (self.interface, tuple(sorted(self.families)), chains)

    def _walk(self, chain: tuple[int, str, str], flow: Flow, depth: int = 0) -> Rule | None:
        """The first rule that decides; None when the chain ends or returns."""
        for rule in self.chains.get(chain, ()):
            if not rule.matches(flow, self.interface):
                continue
            if rule.target == "RETURN":
                return None
            inner = (chain[0], chain[1], rule.target)
            if inner in self.chains:
                found = self._walk(inner, flow, depth + 1) if depth < _DEEPEST else None
                if found is not None:
                    return found
            elif rule.target in ("ACCEPT", "DROP", "REJECT", "MASQUERADE", "SNAT"):
                return rule
        return None

    def _run(self, words: tuple[str, ...]) -> None:
        name = words[0].rpartition("/")[2]
        if name in _TABLES:
            self._iptables(_TABLES[name], list(words[1:]))
        elif name == "sysctl":
            for word in words[1:]:
                key, equals, value = word.partition("=")
                if equals:
                    self._switch(key.replace("/", "."), value)
        elif name in ("echo", "printf", "tee") and ">" in words:
            value, path = words[1], words[-1]
            if path.startswith("/proc/sys/") and value != ">":
                self._switch(path.removeprefix("/proc/sys/").replace("/", "."), value)

    def _switch(self, key: str, value: str) -> None:
        family = _SWITCHES.get(key.strip())
        if family is None:
            return
        if value.strip() == "0":
            self.families.discard(family)
        else:
            self.families.add(family)

    def _iptables(self, family: int, words: list[str]) -> None:
        table = "filter"
        for flag in ("-t", "--table"):
            if flag in words[:-1]:
                at = words.index(flag)
                table = words[at + 1]
                del words[at : at + 2]
        for at, word in enumerate(words):
            action = _ACTIONS.get(word)
            if action is not None and at + 1 < len(words):
                self._change(action, (family, table, words[at + 1]), words[at + 2 :])
                return

    def _change(self, action: str, chain: tuple[int, str, str], rest: list[str]) -> None:
        rest = _before_redirect(rest)
        if action == "new":
            self.chains.setdefault(chain, [])
        elif action == "flush":
            self.chains.get(chain, []).clear()
        elif action == "erase":
            self.chains.pop(chain, None)
        elif action == "append":
            self.chains.setdefault(chain, []).append(read_rule(rest))
        elif action == "insert":
            place = int(rest.pop(0)) - 1 if rest and rest[0].isdigit() else 0
            self.chains.setdefault(chain, []).insert(max(place, 0), read_rule(rest))
        elif action == "delete":
            rules = self.chains.get(chain, [])
            rule = read_rule(rest)
            if rule in rules:
                rules.remove(rule)


_ACTIONS = {
    "-A": "append",
    "--append": "append",
    "-I": "insert",
    "--insert": "insert",
    "-D": "delete",
    "--delete": "delete",
    "-N": "new",
    "--new-chain": "new",
    "-F": "flush",
    "--flush": "flush",
    "-X": "erase",
    "--delete-chain": "erase",
}
_FLAGS = {
    "--in-interface": "-i",
    "--out-interface": "-o",
    "--source": "-s",
    "--src": "-s",
    "--destination": "-d",
    "--dst": "-d",
    "--jump": "-j",
    "--goto": "-j",
    "-g": "-j",
    "--match": "-m",
    "--state": "--ctstate",
}


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
        if flag in ("-i", "-o", "-s", "-d", "-j", "--ctstate"):
            found[flag] = value
            if no:
                negated.add(flag)
        elif flag == "-m":
            modelled &= value in ("conntrack", "state", "comment")
        elif flag != "--comment":
            modelled = modelled and flag in ("-p", "--protocol") and value == "all"
        no = False
        at += 2
    states = frozenset(found["--ctstate"].split(",")) if "--ctstate" in found else None
    source, good_source = _prefix(found.get("-s"))
    destination, good_destination = _prefix(found.get("-d"))
    return Rule(
        target=found.get("-j", ""),
        text=" ".join(words),
        way_in=found.get("-i", ""),
        way_out=found.get("-o", ""),
        source=source,
        destination=destination,
        states=states,
        negated=frozenset(negated),
        modelled=modelled and good_source and good_destination and "--ctstate" not in negated,
    )


def _prefix(text: str | None) -> tuple[Prefix | None, bool]:
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


def _before_redirect(words: list[str]) -> list[str]:
    for at, word in enumerate(words):
        if word in (">", "<"):
            return words[:at]
    return words
