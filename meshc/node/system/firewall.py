"""Own chains in the machine's firewall, loaded and removed in one step each.

All rules live in chains that carry the interface's name; of the built-in chains only one jump is
added at the front of each. One `iptables-restore --noflush` a family loads them; a table is
changed as a whole or not at all.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from meshc.errors import NodeError
from meshc.node.change import Change
from meshc.values import dataclass

if TYPE_CHECKING:
    from meshc.node.machine import Machine

PROGRAMS = {4: "iptables", 6: "ip6tables"}
LEGACY = {4: "iptables-legacy", 6: "ip6tables-legacy"}
INET = 46
"""The family of a table of both."""
_NFT_FAMILY = {4: "ip", 6: "ip6", INET: "inet"}
_ENDS = ("DROP", "REJECT")
BUILT_IN = ("INPUT", "FORWARD", "OUTPUT", "PREROUTING", "POSTROUTING")


class Chain(NamedTuple):
    """One own chain: in `table`, jumped to from the built-in chain `hook`, or, where that is
    empty, from other chains of ours. A rule is the part of an iptables line after `-A CHAIN`."""

    table: str
    name: str
    hook: str
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FirewallFacts:
    """`program` is the one whose tables the machine uses, empty when there is none; `dump` is
    what its -save says."""

    program: str = ""
    dump: str = ""

    def tables(self) -> frozenset[str]:
        """The tables that exist: `filter`, `nat`."""
        return frozenset(line[1:] for line in self.dump.splitlines() if line[:1] == "*")

    def has(self, chain: Chain) -> bool:
        """The chain is there, has as many rules as it should, and is jumped to before anything is
        dropped."""
        lines = _table(self.dump, chain.table)
        rules = sum(line.startswith(f"-A {chain.name} ") for line in lines)
        return (
            any(line.startswith(f":{chain.name} ") for line in lines)
            and rules == len(chain.rules)
            and _in_front(chain, lines)
        )


@dataclass(frozen=True, slots=True)
class FirewallLoad(Change):
    """The chains of one family and purpose. `made` are tables that did not exist before: an nft
    back end makes them on the first rule, and they go again when they are empty."""

    family: int
    program: str
    chains: tuple[Chain, ...]
    made: tuple[str, ...] = ()

    @property
    def slot(self) -> Hashable:
        first = next(chain for chain in self._chains() if chain.hook)
        return ("firewall", self.family, first.name)

    @property
    def before_link(self) -> bool:
        """Whether it must be there before the first packet: rules about who may reach the node."""
        return any(chain.hook == "INPUT" for chain in self._chains())

    @property
    def wish(self) -> Hashable:
        return ("firewall", self.family, self.program, self.chains)

    def inherit(self, old: Change) -> Change:
        made = old.made if isinstance(old, FirewallLoad) else ()
        return FirewallLoad(self.family, self.program, self.chains, made)

    def describe(self) -> str:
        lines = [
            f"{self.program} -t {chain.table} {chain.name}: {rule}"
            for chain in self._chains()
            for rule in chain.rules
        ]
        return "\n    ".join([f"{self.program}: load {len(lines)} rules into own chains", *lines])

    def apply(self, machine: Machine) -> None:
        restore(self.program, load_text(self._chains(), save(self.program)))

    def reverse(self, machine: Machine) -> None:
        if shutil.which(f"{self.program}-save") is None:
            return
        text = unload_text(self._chains(), save(self.program))
        if text:
            restore(self.program, text)
        _remove_tables(self.family, self.program, self.made)

    def _chains(self) -> tuple[Chain, ...]:
        return tuple(Chain(*chain) for chain in self.chains)


@dataclass(frozen=True, slots=True)
class TableLoad(Change):
    """A table of our own in nftables; `text` are the statements inside its chains."""

    family: int
    name: str
    text: str

    @property
    def slot(self) -> Hashable:
        return ("nft", self.family, self.name)

    @property
    def before_link(self) -> bool:
        """As of a `FirewallLoad`; the guards of a default route are tables of one family."""
        return self.family == INET

    @property
    def nft_name(self) -> str:
        """As `nft list tables` says it."""
        return f"table {_NFT_FAMILY[self.family]} {self.name}"

    def describe(self) -> str:
        body = "\n    ".join(line.strip() for line in self.text.strip().splitlines())
        return f"nft: {self.nft_name}\n    {body}"

    def apply(self, machine: Machine) -> None:
        table = self.nft_name
        # adding first makes the rest succeed, whether it was there or not
        undo = "delete" if self.before_link else "flush"
        _run(["nft", "-f", "-"], f"add {table}\n{undo} {table}\n{table} {{\n{self.text}}}\n")

    def reverse(self, machine: Machine) -> None:
        table = self.nft_name
        if shutil.which("nft") is not None and table in nft_tables():
            _run(["nft", "-f", "-"], f"delete {table}\n")


def load_text(chains: Sequence[Chain], dump: str) -> str:
    """The input of `iptables-restore --noflush`: naming a chain of ours empties it or makes it."""
    parts = []
    for table in dict.fromkeys(chain.table for chain in chains):
        present = _table(dump, table)
        mine = [chain for chain in chains if chain.table == table]
        lines = [f":{chain.name} - [0:0]" for chain in mine]
        for chain in mine:
            lines += [f"-A {chain.name} {rule}" for rule in chain.rules]
            if not _in_front(chain, present):
                lines += [_jump(chain, "-D")] * present.count(_jump(chain, "-A"))
                lines.append(_jump(chain, "-I"))
        lines += _retired(mine, present)
        parts.append("\n".join([f"*{table}", *lines, "COMMIT", ""]))
    return "".join(parts)


def _retired(chains: Sequence[Chain], present: Iterable[str]) -> list[str]:
    """The lines that remove chains of senders that an earlier load had and this one has not."""
    names = {chain.name for chain in chains}
    ends = {name.removeprefix("MESHC-POL") for name in names if name.startswith("MESHC-POL-")}
    gone = [
        name
        for line in present
        if line[:1] == ":" and (name := line[1:].split()[0]) not in names
        if any(re.fullmatch(rf"MESHC-S[0-9]+{re.escape(end)}", name) for end in ends)
    ]
    return [*(f"-F {name}" for name in gone), *(f"-X {name}" for name in gone)]


def unload_text(chains: Sequence[Chain], dump: str) -> str:
    """Removes what is there of the chains; empty when nothing is."""
    parts = []
    for table in dict.fromkeys(chain.table for chain in chains):
        present = _table(dump, table)
        mine = [chain for chain in chains if chain.table == table]
        lines: list[str] = []
        for chain in mine:
            if chain.hook:
                lines += [_jump(chain, "-D")] * present.count(_jump(chain, "-A"))
        there = [c for c in mine if any(line.startswith(f":{c.name} ") for line in present)]
        # a chain goes when no other jumps to it any more
        lines += [f"-F {chain.name}" for chain in there]
        lines += [f"-X {chain.name}" for chain in there]
        if lines:
            parts.append("\n".join([f"*{table}", *lines, "COMMIT", ""]))
    return "".join(parts)


def read_facts(family: int) -> FirewallFacts:
    """Which of the two back ends holds this machine's rules. The kernel asks both, and what one
    drops the other cannot accept, so ours must stand where the rules of others are."""
    program, legacy = PROGRAMS[family], LEGACY[family]
    if shutil.which(f"{program}-save") is None:
        return FirewallFacts()
    dump = save(program)
    if not _used(dump) and shutil.which(f"{legacy}-save") is not None:
        other = save(legacy)
        if _used(other):
            return FirewallFacts(legacy, other)
    return FirewallFacts(program, dump)


def nft_tables() -> frozenset[str]:
    """`table ip filter` and so on; empty without nft."""
    if shutil.which("nft") is None:
        return frozenset()
    return frozenset(_run(["nft", "list", "tables"]).splitlines())


def nft_table(table: str) -> str:
    """The text of one table, named as `nft_tables` names it. Raises: NodeError."""
    return _run(["nft", "list", *table.split()])


def save(program: str) -> str:
    """Raises: NodeError."""
    return _run([f"{program}-save"])


def restore(program: str, text: str) -> None:
    """Raises: NodeError; nothing was changed then."""
    _run([f"{program}-restore", "--noflush", "--wait", "10"], text)


def _remove_tables(family: int, program: str, made: Iterable[str]) -> None:
    """Removes tables that our first rule had made, if nobody else put anything into them."""
    if not made or program != PROGRAMS[family] or shutil.which("nft") is None:
        return
    dump = save(program)
    for table in made:
        lines = _table(dump, table)
        own = [line for line in lines if line[:1] == ":" and line.split()[0][1:] not in BUILT_IN]
        if lines and not own and not _used("\n".join(lines)):
            _run(["nft", "-f", "-"], f"delete table {_NFT_FAMILY[family]} {table}\n")


def _used(dump: str) -> bool:
    """Whether there is a rule, or a policy that is not ACCEPT."""
    for line in dump.splitlines():
        if line.startswith("-A ") or (line[:1] == ":" and line.split()[1] == "DROP"):
            return True
    return False


def _table(dump: str, table: str) -> list[str]:
    lines: list[str] = []
    current = ""
    for line in dump.splitlines():
        if line[:1] == "*":
            current = line[1:]
        elif current == table and line[:1] in (":", "-"):
            lines.append(line)
    return lines


def _in_front(chain: Chain, lines: Iterable[str]) -> bool:
    """Whether the chain is jumped to before a rule of others can drop what it accepts."""
    if not chain.hook:
        return True
    for line in lines:
        if line == _jump(chain, "-A"):
            return True
        if line.startswith(f"-A {chain.hook} ") and line.split(" -j ")[-1].startswith(_ENDS):
            return False
    return False


def _jump(chain: Chain, verb: str) -> str:
    return f"{verb} {chain.hook} -j {chain.name}"


def _run(argv: Sequence[str], text: str = "") -> str:
    try:
        done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False)
    except OSError as error:
        raise NodeError(f"{argv[0]} could not be run: {error.strerror}") from None
    if done.returncode:
        words = done.stderr.strip().splitlines()[:3]
        raise NodeError(f"{argv[0]} failed: {'; '.join(words) or f'exit {done.returncode}'}")
    return done.stdout
