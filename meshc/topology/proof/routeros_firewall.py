"""The firewall of a MikroTik router, from the commands of its script: rules in the order that they
end up in, and the address lists that they name.

What the router has besides is not known. Rules that a script leaves behind the router's own decide
nothing for certain, where they are about who may begin a connection.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from meshc.errors import PrefixFormatError
from meshc.prefixes import Prefix
from meshc.topology.proof.iptables_rule import TUNNEL, Rule
from meshc.topology.proof.netfilter import BUILT_IN, Chain, Firewall
from meshc.topology.proof.routeros_commands import RouterCommand

_FAMILY = {"/ip": 4, "/ipv6": 6}
_LISTS = "address-list"
_CHAINS = {"forward": "FORWARD", "srcnat": "POSTROUTING", "input": "INPUT"}
_TARGETS = {"masquerade": "MASQUERADE", "src-nat": "SNAT"}
# ICMP of the other family is a protocol like any other
_PROTOCOLS = {4: {"icmp": "icmp"}, 6: {"icmpv6": "icmp"}}
_PORTS = frozenset(("tcp", "udp"))
# What may stand in a rule without making it depend on more than the proof knows.
_MODELLED = frozenset(
    (
        *("chain", "action", "jump-target", "comment", "log", "disabled", "connection-state"),
        *("in-interface", "in-interface-list", "out-interface", "out-interface-list"),
        *("src-address", "dst-address", "src-address-list", "dst-address-list"),
        *("protocol", "dst-port", "connection-nat-state"),
    )
)
_NEGATED = (
    ("-i", ("in-interface", "in-interface-list")),
    ("-o", ("out-interface", "out-interface-list")),
    ("-s", ("src-address", "src-address-list")),
    ("-d", ("dst-address", "dst-address-list")),
)
_Menu = tuple[int, str]
_Prefixes = tuple[Prefix, ...]


def read_firewall(commands: Sequence[RouterCommand], interface: str) -> Firewall:
    """A router forwards by nature, in both families."""
    firewall = Firewall(interface, {4, 6})
    tables, first = _tables(commands)
    for (family, table), added in tables.items():
        if table == _LISTS:
            continue
        lists = _lists(tables.get((family, _LISTS), ()), family)
        reader = _RuleReader(interface, family, table, lists, firewall)
        for command in added:
            chain = (family, table, _chain(command.arguments.get("chain", ""), table))
            firewall.chains.setdefault(chain, []).extend(reader.rules(command))
    for (family, table, name), rules in firewall.chains.items():
        sure = name not in BUILT_IN or (family, table) in first
        if not sure and any(rule.begins for rule in rules):
            rules.insert(0, Rule("?", "rules of the router's own", modelled=False))
    return firewall


def _tables(
    commands: Sequence[RouterCommand],
) -> tuple[dict[_Menu, list[RouterCommand]], set[_Menu]]:
    """What is there in the end, and in which menus all of it stands before the router's own. A
    command that does not say what it means by `[find ...]` may have changed anything."""
    tables: dict[_Menu, list[RouterCommand]] = {}
    moved: set[_Menu] = set()
    vague: set[_Menu] = set()
    for command in commands:
        menu = _menu(command.menu)
        some = tables.setdefault(menu, []) if menu[0] else []
        if command.takes_effect and menu[0]:
            some.append(command)
            moved.discard(menu)
        elif command.verb != "add" and not command.query:
            vague.add(menu)
        elif command.verb in ("remove", "disable"):
            some[:] = [one for one in some if not _meant(one, command)]
        elif command.verb == "set":
            some[:] = [_changed(one, command) if _meant(one, command) else one for one in some]
        elif command.verb == "move" and command.arguments.get("destination") == "0":
            # a stable sort: those that are moved keep their order, and so do the others
            some.sort(key=lambda one: not _meant(one, command))
            if some and all(_meant(one, command) for one in some):
                moved.add(menu)
    return tables, moved - vague


def _chain(name: str, table: str) -> str:
    """What marks WireGuard's own packets (mangle) is the business of `routeros_routes`."""
    if (name, table) == ("output", "filter"):
        return "OUTPUT"
    return _CHAINS.get(name, name)


def _menu(text: str) -> _Menu:
    root, _, rest = text.removeprefix("/").partition("/firewall/")
    return _FAMILY.get(f"/{root}", 0) if rest else 0, rest


def _meant(one: RouterCommand, by: RouterCommand) -> bool:
    """Whether `[find ...]` finds it."""
    return bool(by.query) and all(one.arguments.get(k) == v for k, v in by.query.items())


def _changed(one: RouterCommand, by: RouterCommand) -> RouterCommand:
    return one._replace(arguments={**one.arguments, **by.arguments})


def _lists(commands: Sequence[RouterCommand], family: int) -> dict[str, _Prefixes | None]:
    """None for a list with an entry that is no prefix, or that goes by itself."""
    found: dict[str, _Prefixes | None] = {}
    for command in commands:
        given = command.arguments
        name = given.get("list", "")
        prefix, known = _prefix(given.get("address", ""), family)
        have = found.get(name, ())
        plain = known and prefix is not None and given.keys() <= {"list", "address", "comment"}
        found[name] = (*have, prefix) if plain and have is not None and prefix else None
    return found


class _RuleReader:
    """Makes rules of the commands of one table."""

    def __init__(
        self,
        interface: str,
        family: int,
        table: str,
        lists: Mapping[str, _Prefixes | None],
        firewall: Firewall,
    ) -> None:
        self.interface = interface
        self.family = family
        self.table = table
        self.lists = lists
        self.firewall = firewall

    def rules(self, command: RouterCommand) -> Iterator[Rule]:
        """More than one where it is about lists."""
        given = command.arguments
        rule = self._rule(given)
        known, sides = rule.modelled, []
        for side, flag in (("src", "-s"), ("dst", "-d")):
            some, sure = self._side(given, side)
            known &= sure
            if some is not None and len(some) != 1 and flag in rule.negated:
                rule = self._around(rule, flag, some)
                some = None
            sides.append(some)
        rule = rule._replace(modelled=known)
        for source, target in product(*((None,) if some is None else some for some in sides)):
            yield rule._replace(source=source, destination=target)

    def _side(self, given: Mapping[str, str], side: str) -> tuple[_Prefixes | None, bool]:
        """(the addresses, None for all; whether the proof knows them)."""
        named, text = given.get(f"{side}-address-list"), given.get(f"{side}-address")
        if named is None:
            prefix, known = _prefix((text or "").removeprefix("!"), self.family)
            return ((prefix,) if prefix is not None else None), known or text is None
        some = self.lists.get(named.removeprefix("!"), ())
        return some, some is not None and text is None

    def _around(self, rule: Rule, flag: str, prefixes: _Prefixes) -> Rule:
        """A rule for all but a list: a jump to a chain from which the list returns."""
        name = f"all but {rule.text}"
        chain: Chain = (self.family, self.table, name)
        end = rule._replace(way_in="", way_out="", states=None, negated=frozenset())
        self.firewall.chains[chain] = [
            *(
                Rule("RETURN", rule.text, source=one)
                if flag == "-s"
                else Rule("RETURN", rule.text, destination=one)
                for one in prefixes
            ),
            end,
        ]
        return rule._replace(target=name, negated=rule.negated - {flag})

    def _rule(self, given: Mapping[str, str]) -> Rule:
        action = given.get("action", "accept")
        target = given.get("jump-target", "") if action == "jump" else action.upper()
        negated = {
            flag
            for flag, names in _NEGATED
            if any(given.get(name, "").startswith("!") for name in names)
        }
        states, published = given.get("connection-state"), given.get("connection-nat-state")
        if states is None and published == "dstnat":
            states, published = published, None
        if states is not None and states.startswith("!"):
            negated.add("--ctstate")
        protocol, ports, known = self._service(given)
        return Rule(
            _TARGETS.get(action, target),
            " ".join(f"{key}={value}" for key, value in given.items() if key != "comment"),
            _way(given.get("in-interface"), given.get("in-interface-list"), self.interface),
            _way(given.get("out-interface"), given.get("out-interface-list"), self.interface),
            states=frozenset(states.removeprefix("!").upper().split(",")) if states else None,
            negated=frozenset(negated),
            modelled=_MODELLED.issuperset(given) and known and published is None,
            protocol=protocol,
            ports=ports,
        )

    def _service(self, given: Mapping[str, str]) -> tuple[str, tuple[int, int] | None, bool]:
        """(protocol, ports, whether the proof knows what they mean)."""
        word, text = given.get("protocol"), given.get("dst-port")
        if word is None:
            return "", None, text is None
        known = not word.startswith("!")
        protocol = _PROTOCOLS[self.family].get(word, word)
        if protocol == "icmp" != _PROTOCOLS[self.family].get(word):
            protocol = f"{word} of the other family"
        if text is None:
            return protocol, None, known
        low, dash, high = text.partition("-")
        if word not in _PORTS or not (low.isdigit() and (high.isdigit() or not dash)):
            return protocol, None, False
        return protocol, (int(low), int(high or low)), known


def _way(name: str | None, list_name: str | None, interface: str) -> str:
    if name is not None:
        name = name.removeprefix("!")
        return TUNNEL if name == interface else name
    return "" if list_name is None else f"list {list_name.removeprefix('!')}"


def _prefix(text: str, family: int) -> tuple[Prefix | None, bool]:
    """(the prefix, whether it is one of the family)."""
    try:
        prefix = Prefix.parse(text)
    except PrefixFormatError:
        return None, False
    return (prefix, True) if prefix.family == family else (None, False)
