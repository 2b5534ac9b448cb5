"""The text of an nftables table, read as chains of the proof's own rules (nft(8)).

An element of a set or a map is a rule by itself: what the packet meets is the same. A statement
that is not understood makes a rule that is not modelled.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import product

from meshc.errors import PrefixFormatError
from meshc.prefixes import Prefix, parse_address, spanning
from meshc.topology.proof.iptables_rule import Rule

_TOKEN = re.compile(r'"\$\(.*?\)"|"[^"]*"|!=|==|[{}(),;&|]|[^\s{}(),;&|"]+')
_HOOKS = {"input": "INPUT", "forward": "FORWARD", "output": "OUTPUT", "postrouting": "POSTROUTING"}
_FAMILY = {"ip": 4, "ip6": 6}
_VERDICTS = {"accept": "ACCEPT", "drop": "DROP", "return": "RETURN", "masquerade": "MASQUERADE"}
_NFPROTO = {"ipv4": 4, "ipv6": 6}
_ICMP = frozenset(("icmp", "ipv6-icmp", "icmpv6"))
# they change a packet on its way and decide nothing
_CLAMP = ["tcp", "option", "maxseg", "size", "set", "rt", "mtu"]
_SYN = ["tcp", "flags", "&", "(", "syn", "|", "rst", ")", "==", "syn"]

Chain = tuple[int, str, str]


def read_table(lines: Iterable[str]) -> dict[Chain, list[Rule]]:
    """The chains of all tables in the text, for both families, base chains under the names that
    iptables has for their hooks."""
    chains: dict[Chain, list[Rule]] = {}
    name, table = "", "filter"
    closed = False
    for line in _whole(lines):
        first = line.partition(" ")[0]
        if first == "chain":
            name, table = line.split()[1], "filter"
            for family in (4, 6):
                chains.setdefault((family, table, name), [])
        elif first == "type":
            words = line.split()
            table = words[1]
            hook = _HOOKS.get(words[words.index("hook") + 1], "")
            for family in (4, 6):
                chains[family, table, hook] = chains.pop((family, "filter", name))
            name, closed = hook, "policy drop;" in line
        elif first == "}":
            if name and closed:
                for family in (4, 6):
                    chains[family, table, name].append(Rule("DROP", "policy drop"))
            name, closed = "", False
        elif name:
            for family, rule in _read_rules(line):
                chains[family, table, name].append(rule)
    return chains


def _whole(lines: Iterable[str]) -> Iterator[str]:
    """A list of elements that goes on in the next line is one statement with it."""
    begun: list[str] = []
    for line in lines:
        begun.append(line)
        if not line.endswith(","):
            yield " ".join(begun)
            begun = []
    if begun:
        yield " ".join(begun)


@lru_cache(maxsize=1 << 16)
def _read_rules(line: str) -> tuple[tuple[int, Rule], ...]:
    """One line may be many rules, and of one family or both."""
    reader = _RuleReader(_TOKEN.findall(line), line)
    reader.read()
    return tuple((family, rule) for family in reader.families for rule in reader.rules(family))


class _RuleReader:
    def __init__(self, tokens: list[str], text: str) -> None:
        self.tokens = tokens
        self.at = 0
        self.base = Rule(target="", text=text)
        self.families: tuple[int, ...] = (4, 6)
        self.sources: list[tuple[Prefix, ...]] = []
        self.targets: list[tuple[Prefix, ...]] = []
        self.jumps: dict[str, list[Prefix]] = {}
        self.served: list[tuple[Prefix, str, tuple[int, int]]] = []
        self.clamps = False

    def read(self) -> None:
        try:
            while self.at < len(self.tokens):
                self.step()
        except (IndexError, ValueError, PrefixFormatError):
            self.unknown()

    def rules(self, family: int) -> Iterator[Rule]:
        """In the order of the elements, which do not overlap in a set."""
        if self.clamps:
            return
        base, some = self.base, self.sources[0] if self.sources else (None,)
        if base.target == "MASQUERADE" and len(some) > 1:
            base, some = base._replace(sources=self.sources[0]), (None,)
        for source, target in product(some, self.targets[0] if self.targets else (None,)):
            rule = base._replace(source=source, destination=target)
            if self.jumps:
                for name, sources in self.jumps.items():
                    yield rule._replace(sources=tuple(sources), target=name, goto=True)
            elif self.served:
                for one, protocol, ports in self.served:
                    yield rule._replace(destination=one, protocol=protocol, ports=ports)
            else:
                yield rule

    def unknown(self) -> None:
        """Whatever the rest says may happen to all that what came before is about."""
        self.base = self.base._replace(modelled=False, target="?")
        self.jumps.clear()
        self.served.clear()
        self.at = len(self.tokens)

    def begins(self, *words: str) -> bool:
        """Whether these words come next."""
        return self.tokens[self.at : self.at + len(words)] == [*words]

    def step(self) -> None:
        head = self.tokens[self.at]
        if self.begins(*_CLAMP):
            self.clamps = True
            self.at = len(self.tokens)
        elif self.begins(*_SYN):
            self.base = self.base._replace(protocol="tcp", modelled=False)
            self.at += len(_SYN)
        elif head in ("iifname", "oifname"):
            self.way(head)
        elif self.begins("meta", "nfproto"):
            self.only(_NFPROTO[self.tokens[self.at + 2]])
            self.at += 3
        elif self.begins("meta", "l4proto"):
            word = self.tokens[self.at + 2]
            self.base = self.base._replace(protocol="icmp" if word in _ICMP else word)
            self.at += 3
        elif head in _FAMILY:
            self.address(_FAMILY[head], self.tokens[self.at + 1])
        elif self.begins("ct", "state"):
            self.state()
        elif self.begins("ct", "status", "dnat"):
            self.base = self.base._replace(states=frozenset(("DNAT",)))
            self.at += 3
        else:
            self.verdict(head)

    def only(self, family: int) -> None:
        self.families = tuple(f for f in self.families if f == family)

    def way(self, word: str) -> None:
        self.at += 1
        flag = "-i" if word == "iifname" else "-o"
        if self.tokens[self.at] == "!=":
            self.at += 1
            self.base = self.base._replace(negated=self.base.negated | {flag})
        value = self.tokens[self.at].strip('"')
        self.at += 1
        if flag == "-i":
            self.base = self.base._replace(way_in=value)
        else:
            self.base = self.base._replace(way_out=value)

    def address(self, family: int, field: str) -> None:
        self.only(family)
        self.at += 2
        if self.tokens[self.at] == "vmap":
            self.alone(field == "saddr" and not self.sources)
            self.at += 1
            for words in self.elements():
                one, colon, goto, name = words
                if (colon, goto) != (":", "goto"):
                    raise ValueError("another verdict")
                self.jumps.setdefault(name, []).extend(_prefixes([one], family))
        elif self.tokens[self.at] == ".":
            wanted = [".", "meta", "l4proto", ".", "th", "dport"]
            if self.tokens[self.at : self.at + 6] != wanted:
                raise ValueError("another concatenation")
            self.alone(field == "daddr" and not self.targets)
            self.at += 6
            for words in self.elements():
                one, protocol, ports = " ".join(words).split(" . ")
                low, _, high = ports.partition("-")
                span = (int(low), int(high or low))
                self.served += [(p, protocol, span) for p in _prefixes([one], family)]
        else:
            found = self.values(family)
            (self.sources if field == "saddr" else self.targets).append(found)
            if field not in ("saddr", "daddr") or max(len(self.sources), len(self.targets)) > 1:
                raise ValueError("another field, or one twice")

    def alone(self, first: bool) -> None:
        """A map or a set of services is about the side that it is asked of, and the only one there.
        Raises: ValueError."""
        if not first or self.jumps or self.served:
            raise ValueError("another field, or one twice")

    def values(self, family: int) -> tuple[Prefix, ...]:
        if self.tokens[self.at] == "{":
            return tuple(p for words in self.elements() for p in _prefixes(words, family))
        self.at += 1
        return tuple(_prefixes([self.tokens[self.at - 1]], family))

    def elements(self) -> Iterator[list[str]]:
        """The elements of a set in braces, each as its tokens."""
        if self.tokens[self.at] != "{":
            raise ValueError("a set")
        end = self.tokens.index("}", self.at)
        words: list[str] = []
        for token in self.tokens[self.at + 1 : end]:
            if token == ",":
                yield words
                words = []
            else:
                words.append(token)
        self.at = end + 1
        if words:
            yield words

    def state(self) -> None:
        self.at += 2
        negated = self.tokens[self.at] == "!="
        self.at += negated
        states = frozenset(word.upper() for words in self.elements() for word in words)
        no = self.base.negated | ({"--ctstate"} if negated else frozenset())
        self.base = self.base._replace(states=states, negated=no)

    def verdict(self, head: str) -> None:
        if head in _VERDICTS and self.at == len(self.tokens) - 1:
            self.base = self.base._replace(target=_VERDICTS[head])
            self.at += 1
        elif head in ("jump", "goto") and self.at == len(self.tokens) - 2:
            name = self.tokens[self.at + 1]
            self.base = self.base._replace(target=name, goto=head == "goto")
            self.at += 2
        else:
            raise ValueError("a statement that nobody knows")


def _prefixes(words: Sequence[str], family: int) -> Iterator[Prefix]:
    """Of one word. Raises: PrefixFormatError, ValueError."""
    (text,) = words
    for prefix in _covered(text):
        if prefix.family != family:
            raise ValueError("an address of the other family")
        yield prefix


@lru_cache(maxsize=1 << 16)
def _covered(text: str) -> tuple[Prefix, ...]:
    """`10.0.0.1`, `10.0.0.0/8` or `10.0.0.1-10.0.0.9`. Raises: PrefixFormatError, ValueError."""
    low, dash, high = text.partition("-")
    if not dash:
        return (Prefix.parse(text),)
    first, last = parse_address(low), parse_address(high)
    if first.version != last.version:
        raise ValueError("a span between two families")
    return spanning(first.version, int(first), int(last))
