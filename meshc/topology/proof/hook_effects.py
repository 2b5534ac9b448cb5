"""The effects of a node's hooks beyond what the proof models: what must fail, what is not judged.

wg-quick(8) runs hooks under `set -e`: one that fails takes the whole tunnel down. What is neither
modelled nor known to leave packets alone is named, and nothing is claimed about the node then.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from meshc.prefixes import Prefix
from meshc.topology.proof.held_ipv6 import keeps_marks
from meshc.topology.proof.hook_commands import HookStep, steps
from meshc.topology.proof.iptables_rule import TUNNEL, target_of
from meshc.topology.proof.loaded_rules import is_load, lacks_comments
from meshc.topology.proof.netfilter import BUILT_IN, IPTABLES, SWITCHES, read_change
from meshc.topology.proof.nft_command import KILL_TABLE, opens_own_port, own_table
from meshc.topology.proof.policy_routing import (
    PolicyRouting,
    read_ip_command,
    read_route,
)
from meshc.topology.proof.policy_rule import MAIN, read_policy_rule
from meshc.topology.proof.wg_command import bad_key, is_harmless, peers
from meshc.wg.conf import Conf

# Programs that leave packets, routes and rules alone (or only ask about them).
_HARMLESS_WORDS = (
    ": [ [[ ] awk basename case cat cd chgrp chmod chown command conntrack cp curl cut date "
    "dig dirname done echo else env esac ethtool expr export false fi find flock for getent "
    "grep head hostname id jq local logger ls mkdir mkfifo mktemp modprobe mv nslookup "
    "nohup ping ping6 printf pwd read readlink resolvconf resolvectl return rm rmdir sed "
    "set shift sleep sort ss stat sync systemd-notify systemd-resolve tail tee test touch "
    "tr true type umask uname uniq unset wait wc wget which whoami } )"
)
_TARGET_WORDS = (
    "ACCEPT DROP REJECT RETURN QUEUE NFQUEUE LOG NFLOG ULOG MARK CONNMARK TCPMSS CT NOTRACK "
    "DSCP TOS TTL HL CLASSIFY AUDIT TRACE SET CHECKSUM ECN MASQUERADE SNAT DNAT NETMAP "
    "REDIRECT TPROXY TEE"
)
_HARMLESS = frozenset(_HARMLESS_WORDS.split())
# What iptables has itself; every other word behind `-j` is a chain of somebody.
_TARGETS = frozenset(_TARGET_WORDS.split())
_DENIES = frozenset(("DROP", "REJECT"))
_FIREWALL_UNITS = re.compile(r"firewall|iptables|nftables|ufw|network|shorewall")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_TO_A_FILE = frozenset(("private-key", "preshared-key"))
_OWN_TABLES = ((f"meshc-{TUNNEL}",), (KILL_TABLE,))
_DEAF = re.compile(r"rp_filter|disable_ipv6|\.forwarding$|icmp_echo_ignore|route_localnet")


class RouteStep(NamedTuple):
    """An `ip route add` or `del` for the tunnel; whether it fails depends on the routes that are
    there by then, and `required` says whether the tunnel goes down with it."""

    text: str
    adds: bool
    table: str
    prefix: Prefix
    required: bool


class HookEffects(NamedTuple):
    """Commands as they are written: `failing` ones, and those that are `unjudged`. `routes` are the
    changes to the tunnel's routes, in their order, `removed` the keys of peers that are gone."""

    failing: tuple[str, ...] = ()
    unjudged: tuple[str, ...] = ()
    routes: tuple[RouteStep, ...] = ()
    removed: tuple[str, ...] = ()


def read_hook_effects(conf: Conf, routing: PolicyRouting) -> HookEffects:
    """Looks at every command of PreUp and PostUp in its order."""
    reader = _Reader(routing, conf.rules)
    for line in conf.pre_up:
        reader.line(line, tunnel=False)
    for line in conf.post_up:
        reader.line(line, tunnel=True)
    return HookEffects(
        tuple(dict.fromkeys(reader.failing)),
        tuple(dict.fromkeys(reader.unjudged())),
        tuple(reader.routes),
        tuple(reader.removed),
    )


class _Reader:
    def __init__(self, routing: PolicyRouting, comments: tuple[str, ...]) -> None:
        self.routing = routing
        self.comments = comments
        self.interface = routing.interface
        self.failing: list[str] = []
        self.open: list[str] = []
        self.routes: list[RouteStep] = []
        self.removed: dict[str, None] = {}
        self.chains: set[tuple[int, str, str]] = set()
        self.erased: set[tuple[int, str, str]] = set()
        # a jump to a chain that a later line makes has failed; another's chain may be there
        self.missing: dict[tuple[int, str, str], list[HookStep]] = {}
        self.tunnel = False

    def line(self, line: str, *, tunnel: bool) -> None:
        self.tunnel = tunnel
        if is_load(line) or opens_own_port(line):
            return  # a text that the firewall of the model is made from, or what it need not know
        if lacks_comments(line, self.comments):
            self.failing.append(line)
            return
        found = [step._replace(words=_bare(step.words)) for step in steps(line)]
        feeds_a_key = any(
            step.before == "|" and step.words[:2] == ("wg", "set") and _TO_A_FILE & {*step.words}
            for step in found
        )
        for step in found:
            if not step.words or (feeds_a_key and step.after == "|"):
                continue
            name = step.words[0].rpartition("/")[2]
            if self._fails(name, step):
                self.failing.append(_text(step))
                continue
            if name == "ip":
                self.routes += self._route_steps(step)
            if name == "wg":
                self._wg(step.words)
            if name in IPTABLES:
                self._iptables(name, step)
            elif not self._judged(name, step):
                self.open.append(_text(step))

    def unjudged(self) -> Iterator[str]:
        """The commands that could do anything to packets."""
        yield from self.open
        for (_, _, chain), used in self.missing.items():
            # a chain of the machine: what comes out of it is not known, but what this puts in is
            yield from (_text(s) for s in used if chain in s.words and _DENIES & {*s.words})
        tables = {table for table, _ in (*self.routing.added, *self.routing.elsewhere)}
        tables |= {MAIN, "default", "local", self.routing.allowed}
        for rule in self.routing.rules:
            if rule.known and rule.table not in tables:
                yield f"ip rule add {rule.text}"

    def _fails(self, name: str, step: HookStep) -> bool:
        """Whether the line fails whatever the machine is like, and the tunnel with it."""
        words = step.words
        if not step.may_not_fail:
            return False
        if name == "false" or (name in ("exit", "return") and words[1:] not in ((), ("0",))):
            return True
        if name == "wg":
            return any(bad_key(key) for key, _ in peers(words))
        if name != "ip":
            return False
        command = read_ip_command(list(words[1:]))
        device = self.interface in command.rest or TUNNEL in command.rest
        if command.kind in ("link", "l"):
            return self.tunnel and device and "down" in command.rest
        # before `wg-quick up` has made it there is no such device
        writes = command.kind in ("route", "addr", "address") and command.action == "add"
        return writes and device and not self.tunnel

    def _wg(self, words: tuple[str, ...]) -> None:
        for key, gone in peers(words):
            self.removed.pop(key, None)
            if gone and words[2] in (TUNNEL, self.interface):
                self.removed[key] = None

    def _route_steps(self, step: HookStep) -> Iterator[RouteStep]:
        command = read_ip_command(list(step.words[1:]))
        adds = command.action in ("add", "a", "replace", "append", "change")
        if command.kind not in ("route", "r", "ro") or not (
            adds or command.action in ("del", "delete", "d")
        ):
            return
        change = read_route(command, self.interface)
        if change is not None and change.tunnel:
            required = step.may_not_fail and command.action not in ("replace", "append", "change")
            yield RouteStep(_text(step), adds, change.table, change.prefix, required)

    def _iptables(self, name: str, step: HookStep) -> None:
        change = read_change(list(step.words[1:]))
        if change is None:
            if not {"-C", "--check", "-L", "--list", "-S", "-Z", "-V"} & {*step.words}:
                self.open.append(_text(step))
            return
        action, table, chain, rest = change
        family = IPTABLES[name]
        key = (family, table, chain)
        if action == "new":
            self.failing += [_text(s) for s in self.missing.pop(key, ()) if s.may_not_fail]
            self.chains.add(key)
            self.erased.discard(key)
        elif action == "erase":
            self.chains.discard(key)
            self.erased.add(key)
        elif action in ("append", "insert"):
            for wanted in (chain, target_of(rest)):
                used = (family, table, wanted)
                if wanted in BUILT_IN | _TARGETS | {""} or used in self.chains:
                    continue
                if used in self.erased and step.may_not_fail:
                    # a line before has removed it, and none has made it again
                    self.failing.append(_text(step))
                else:
                    self.missing.setdefault(used, []).append(step)

    def _judged(self, name: str, step: HookStep) -> bool:
        words = step.words
        if name in _HARMLESS:
            return True
        if name in ("systemctl", "service", "rc-service"):
            return not _FIREWALL_UNITS.search(" ".join(words[1:]))
        if name == "sysctl":
            keys = (word.partition("=")[0].replace("/", ".") for word in words[1:])
            return not any(_DEAF.search(key) for key in keys if key not in SWITCHES)
        if name == "nft":
            own = words[1:3] == ("delete", "table") and words[4:5] in _OWN_TABLES
            return (
                own
                or own_table(words) is not None
                or keeps_marks(words)
                or words[1:2] == ("list",)
                or words[1:3] == ("flush", "ruleset")
            )
        if name == "wg":
            return is_harmless(words)
        return name == "ip" and self._ip(words)

    def _ip(self, words: tuple[str, ...]) -> bool:
        command = read_ip_command(list(words[1:]))
        if command.action in ("show", "list", "ls", "get", "sh"):
            return True
        if command.kind == "rule":
            if command.action not in ("add", "a", "del", "delete", "d"):
                return False
            return read_policy_rule(command.rest, command.family, self.interface) is not None
        if command.kind in ("route", "r", "ro"):
            known = command.action in ("add", "replace", "append", "change", "del", "delete")
            return known and read_route(command, self.interface) is not None
        if command.kind in ("link", "l") and command.action == "set":
            return not {"down", "netns", "vrf", "master", "address", "name"} & {*command.rest}
        return False


def _bare(words: tuple[str, ...]) -> tuple[str, ...]:
    """Without `NAME=value` in front."""
    while words and _ASSIGNMENT.match(words[0]):
        words = words[1:]
    return words


def _text(step: HookStep) -> str:
    return " ".join(step.words)
