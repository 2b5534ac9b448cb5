"""The firewall of a node, read from its hook lines: sysctl switches and iptables chains.

Only what the file itself turns on counts: what no rule forwards is not forwarded, although the
policy of a machine may be more generous. What is drawn up elsewhere is otherwise taken to be open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from meshc.topology.proof.drop import LossReason
from meshc.topology.proof.hook_commands import commands
from meshc.topology.proof.iptables_rule import OUTSIDE, Flow, Rule, read_rules, side
from meshc.topology.proof.loaded_rules import LoadedText, loaded_text, split_words
from meshc.topology.proof.nft_command import KILL_TABLE, own_table
from meshc.topology.proof.nft_text import read_table
from meshc.values import dataclass, field

SWITCHES = {
    "net.ipv4.ip_forward": 4,
    "net.ipv4.conf.all.forwarding": 4,
    "net.ipv6.conf.all.forwarding": 6,
}
IPTABLES = {"iptables": 4, "ip6tables": 6, "iptables-nft": 4, "ip6tables-nft": 6}
_DEEPEST = 16
DENIES = frozenset(("DROP", "REJECT"))
_REWRITES = frozenset(("DNAT", "NETMAP", "REDIRECT", "TPROXY"))
_HIDES = frozenset(("MASQUERADE", "SNAT", "NETMAP"))
DECIDES = DENIES | _REWRITES | _HIDES | {"ACCEPT"}
# These let the packet go on to the next rule, as it was.
GOES_ON = frozenset(
    ("", "LOG", "NFLOG", "TCPMSS", "MARK", "CONNMARK", "CT", "NOTRACK", "DSCP", "TOS", "TTL",
     "HL", "CLASSIFY", "AUDIT", "TRACE", "SET", "ULOG", "CHECKSUM", "ECN", "CHANGE-MSS",
     "PASSTHROUGH")
)  # fmt: skip
BUILT_IN = frozenset(("INPUT", "OUTPUT", "FORWARD", "PREROUTING", "POSTROUTING"))

Chain = tuple[int, str, str]


class RuleVerdict(NamedTuple):
    """The rule that decides; not `certain` when a condition of it is beyond the proof."""

    rule: Rule
    certain: bool


@dataclass(slots=True)
class Firewall:
    """The switches and chains of one node after its PreUp and PostUp lines."""

    interface: str
    families: set[int] = field(default_factory=set)
    chains: dict[Chain, list[Rule]] = field(default_factory=dict)
    policies: dict[Chain, str] = field(default_factory=dict)

    @classmethod
    def read(
        cls,
        lines: Iterable[str],
        interface: str,
        comments: Sequence[str] = (),
        *,
        nft: bool = False,
    ) -> Firewall:
        """Runs the hook lines in their order, as far as they are about forwarding; with `nft` as a
        node without iptables does. `comments` are those of the file that lines load."""
        firewall = cls(interface)
        for line in lines:
            text = loaded_text(line, comments)
            if text is None:
                for words in commands(line):
                    firewall.run(words)
            elif text.taken(nft=nft):
                firewall.load(text)
        return firewall

    def load(self, text: LoadedText) -> None:
        """A whole text at once: of a table for iptables-restore, or for nft."""
        if not text.family:
            self.chains.update(read_table(text.lines))
            return
        table = "filter"
        for line in text.lines:
            if line[:1] == "*":
                table = line[1:]
            elif line[:1] == ":":
                self.chains[text.family, table, line[1:].split(" ")[0]] = []
            elif line[:3] == "-A ":
                name, rules = _appended(line)
                self.chains.setdefault((text.family, table, name), []).extend(rules)
            elif line[:1] == "-":
                self._iptables(text.family, ["-t", table, *split_words(line)])

    def carriage(self) -> Firewall:
        """What is left when nothing is asked about who may begin a connection."""
        kept = {
            chain: [rule for rule in rules if not rule.begins]
            for chain, rules in self.chains.items()
        }
        idle = {chain for chain, rules in kept.items() if not rules}
        for chain, rules in kept.items():
            kept[chain] = [rule for rule in rules if (*chain[:2], rule.target) not in idle]
        chains = {chain: rules for chain, rules in kept.items() if chain[2] in BUILT_IN}
        waiting = [*chains]
        while waiting:
            chain = waiting.pop()
            inner = {(*chain[:2], rule.target) for rule in chains[chain]} & kept.keys()
            for one in inner - chains.keys():
                chains[one] = kept[one]
                waiting.append(one)
        return Firewall(self.interface, self.families, chains, self.policies)

    def forwarding(self, flow: Flow) -> tuple[bool, str]:
        """(accepted, the deciding rule or ''), by the FORWARD chain of the filter table."""
        found = self._walk((flow.family, "filter", "FORWARD"), flow, DENIES)
        accepted = found is not None and found.certain and found.rule.target == "ACCEPT"
        return (accepted, found.rule.text if found else "")

    def entering(self, flow: Flow) -> tuple[LossReason | None, str]:
        """What happens before the routing decision: a packet may be dropped, or its target
        rewritten, behind which the proof claims nothing."""
        where = "PREROUTING" if flow.way_in else "OUTPUT"
        for table in ("raw", "mangle"):
            reason, text = self._denied((flow.family, table, where), flow)
            if reason is not None:
                return reason, text
        return self._rewritten((flow.family, "nat", where), flow, _REWRITES)

    def passing(self, flow: Flow) -> tuple[LossReason | None, str]:
        """What happens behind it: to a packet of its own (no `way_in`), to one for itself (no
        `way_out`), and to one that it forwards."""
        family = flow.family
        if not flow.way_in:
            reason, text = self._denied((family, "filter", "OUTPUT"), flow)
        elif not flow.way_out:
            reason, text = self._denied((family, "mangle", "INPUT"), flow)
            if reason is None:
                return self._denied((family, "filter", "INPUT"), flow)
        else:
            reason, text = self._denied((family, "mangle", "FORWARD"), flow)
            if reason is None:
                reason, text = self._forwarded(flow)
        if reason is not None or not flow.way_out:
            return reason, text
        out = flow._replace(way_in="")
        reason, denial = self._denied((family, "mangle", "POSTROUTING"), out)
        if reason is not None or flow.way_out == OUTSIDE or not flow.way_in:
            return reason, denial or text
        reason, rewrite = self._rewritten((family, "nat", "POSTROUTING"), out, _HIDES)
        return reason, rewrite or text

    def masquerades(self, flow: Flow) -> bool:
        """Whether the source is replaced on the way out (nat POSTROUTING sees no way in)."""
        found = self._walk((flow.family, "nat", "POSTROUTING"), flow, frozenset())
        return found is not None and found.rule.target in ("MASQUERADE", "SNAT")

    @property
    def guards(self) -> bool:
        """Whether it may do more to a packet than to forward it or to hide its source."""
        return any(
            chain[2] != "FORWARD" and chain[1:] != ("nat", "POSTROUTING")
            for chain in self._built_in()
            if chain[2] in BUILT_IN
        )

    @property
    def shape(self) -> tuple[object, ...]:
        """Equal for nodes that forward the same."""
        chains = tuple((key, tuple(rules)) for key, rules in sorted(self.chains.items()))
        policies = tuple(sorted(self.policies.items()))
        return (self.interface, tuple(sorted(self.families)), chains, policies)

    def _built_in(self) -> Iterator[Chain]:
        yield from self.policies
        yield from (chain for chain, rules in self.chains.items() if rules)

    def _forwarded(self, flow: Flow) -> tuple[LossReason | None, str]:
        found = self._walk((flow.family, "filter", "FORWARD"), flow, DENIES)
        if found is None:
            return LossReason.NO_RULE, ""
        if not found.certain:
            return LossReason.UNJUDGED, found.rule.text
        accepted = found.rule.target == "ACCEPT"
        return (None if accepted else LossReason.RULE), found.rule.text

    def _denied(self, chain: Chain, flow: Flow) -> tuple[LossReason | None, str]:
        """For chains whose packets pass unless a rule or the policy says otherwise."""
        found = self._walk(chain, flow, DENIES)
        if found is None:
            policy = self.policies.get(chain, "ACCEPT")
            return (None, "") if policy == "ACCEPT" else (LossReason.RULE, f"{chain[2]} {policy}")
        if not found.certain:
            return LossReason.UNJUDGED, f"{chain[2]} {found.rule.text}"
        if found.rule.target in DENIES:
            return LossReason.RULE, f"{chain[2]} {found.rule.text}"
        return None, ""

    def _rewritten(
        self, chain: Chain, flow: Flow, targets: frozenset[str]
    ) -> tuple[LossReason | None, str]:
        if flow.established:
            return None, ""  # connection tracking knows what to do: chains of nat are not asked
        found = self._walk(chain, flow, targets)
        if found is None or (found.certain and found.rule.target not in targets):
            return None, ""
        return LossReason.UNJUDGED, f"{chain[2]} {found.rule.text}"

    def _walk(
        self, chain: Chain, flow: Flow, harmful: frozenset[str], depth: int = 0
    ) -> RuleVerdict | None:
        """The first rule that decides; None when the chain ends or returns.

        A rule whose conditions are beyond the proof decides, uncertainly, when its target is
        `harmful` or a chain in which something is; with nothing harmful it is passed over.
        """
        for rule in self.chains.get(chain, ()):
            certain = rule.matches(flow, self.interface)
            if not certain and not (harmful and rule.may_match(flow, self.interface)):
                continue
            inner = (chain[0], chain[1], rule.target)
            if rule.target == "RETURN":
                return None if certain else RuleVerdict(rule, certain=False)
            if inner in self.chains:
                found = self._walk(inner, flow, harmful, depth + 1) if depth < _DEEPEST else None
                if certain and (found is not None or rule.goto):
                    return found
                if found is not None and (found.rule.target in harmful or not found.certain):
                    return RuleVerdict(rule, certain=False)
            elif rule.target in DECIDES:
                if certain or rule.target in harmful:
                    return RuleVerdict(rule, certain)
            elif harmful and rule.target not in GOES_ON:
                return RuleVerdict(rule, certain=False)  # a chain or a target that nobody knows
        return None

    def run(self, words: tuple[str, ...]) -> None:
        """Does what the command does to switches and chains."""
        name = words[0].rpartition("/")[2]
        if name in IPTABLES:
            self._iptables(IPTABLES[name], list(words[1:]))
        elif name == "nft" and words[1:3] == ("flush", "ruleset"):
            self.chains.clear()
            self.policies.clear()
        elif name == "nft" and words[1:4] == ("delete", "table", "inet"):
            if words[4:5] == (KILL_TABLE,):
                for family in (4, 6):
                    self._iptables(family, ["-F", KILL_TABLE])
        elif name == "nft":
            for family, rest in own_table(words) or ():
                self._iptables(family, list(rest))
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
        family = SWITCHES.get(key.strip())
        if family is None:
            return
        if value.strip() == "0":
            self.families.discard(family)
        else:
            self.families.add(family)

    def _iptables(self, family: int, words: list[str]) -> None:
        change = read_change(words)
        if change is None:
            return
        action, table, name, rest = change
        chain = (family, table, name)
        if action == "new":
            self.chains.setdefault(chain, [])
        elif action == "policy":
            self.policies[chain] = rest[0] if rest else ""
        elif action == "flush":
            for key, rules in self.chains.items():
                if key == chain or (not name and key[:2] == chain[:2]):
                    rules.clear()
        elif action == "erase":
            for key in [*self.chains]:
                if key == chain or (not name and key[:2] == chain[:2] and key[2] not in BUILT_IN):
                    del self.chains[key]
        else:
            self._rule(action, chain, rest)

    def _rule(self, action: str, chain: Chain, rest: list[str]) -> None:
        if action == "append":
            self.chains.setdefault(chain, []).extend(read_rules(rest))
        elif action == "insert":
            place = int(rest.pop(0)) - 1 if rest and rest[0].isdigit() else 0
            # equal but for their addresses, so that their order means nothing
            place = max(place, 0)
            self.chains.setdefault(chain, [])[place:place] = read_rules(rest)
        elif action == "delete":
            rules = self.chains.get(chain, [])
            if len(rest) == 1 and rest[0].isdigit():
                del rules[int(rest[0]) - 1 : int(rest[0])]
                return
            for rule in read_rules(rest):
                if rule in rules:
                    rules.remove(rule)


def _appended(line: str) -> tuple[str, tuple[Rule, ...]]:
    """Chain and rules of `-A CHAIN ...`. Most begin with one side and differ in nothing else: what
    stands behind it is read once."""
    words = line.split(" ", 4)
    if len(words) == 5 and words[2] in ("-s", "-d"):
        _, name, flag, address, behind = words
        prefix, _ = side(address)
        rule = _behind(behind) if prefix is not None else None
        if rule is not None:
            text = line[len(name) + 4 :]
            if flag == "-s":
                return name, (rule._replace(text=text, source=prefix),)
            return name, (rule._replace(text=text, destination=prefix),)
    return _whole(line)


@lru_cache(maxsize=1 << 12)
def _behind(words: str) -> Rule | None:
    """What stands behind the first flag, where that is one rule for all senders and targets."""
    found = [*read_rules(split_words(words))] if words[0] == "-" and "  " not in words else []
    if len(found) != 1 or found[0].source or found[0].destination or found[0].sources:
        return None
    return found[0] if "<" not in words and ">" not in words else None


@lru_cache(maxsize=1 << 16)
def _whole(line: str) -> tuple[str, tuple[Rule, ...]]:
    _, name, *rest = split_words(line)
    return name, tuple(read_rules(_before_redirect(rest)))


def read_change(words: list[str]) -> tuple[str, str, str, list[str]] | None:
    """(action, table, chain, the rest) of an iptables command; None when it changes nothing
    that the proof knows."""
    words, table = list(words), "filter"
    for flag in ("-t", "--table"):
        if flag in words[:-1]:
            at = words.index(flag)
            table = words[at + 1]
            del words[at : at + 2]
    for at, word in enumerate(words):
        action = _ACTIONS.get(word)
        if action is not None:
            rest = _before_redirect(words[at + 1 :])
            name = rest.pop(0) if rest and not rest[0].startswith("-") else ""
            return action, table, name, rest
    return None


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
    "-P": "policy",
    "--policy": "policy",
}


def _before_redirect(words: list[str]) -> list[str]:
    """What stands before `> /dev/null` or `2>/dev/null`."""
    if "<" not in words and ">" not in words:
        return words
    return words[: next((i for i, word in enumerate(words) if word in ("<", ">")), len(words))]
