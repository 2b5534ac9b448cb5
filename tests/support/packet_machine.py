"""One machine after `wg-quick up`: a plain reading of a wg-quick file, line by line, as bash, `ip`
and iptables would take it. It shares nothing with the proof, and knows no more than a test needs:
what it cannot read it names, so that nobody takes silence for an answer."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_interface, ip_network
from itertools import pairwise

from meshc.keys import PrivateKey

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
WAN = re.compile(r'"\$\(\{ ip -([46]) route show default;.*?sed 1q\)"')
EVERYTHING: tuple[Network, Network] = (ip_network("0.0.0.0/0"), ip_network("::/0"))
FORWARDING = {"net.ipv4.ip_forward": 4, "net.ipv6.conf.all.forwarding": 6}
QUIET = frozenset({"echo", "mkdir", "rm", ":", "[", "for", "logger", "resolvectl", "true"})
NAT_TARGETS = frozenset({"DNAT", "NETMAP", "REDIRECT"})


@dataclass
class PeerLines:
    key: str = ""
    psk: str = ""
    allowed: list[Network] = field(default_factory=list)
    endpoint: str = ""
    keepalive: int = 0


NOWHERE = "nowhere"
"""Stands for a device in a route that says unreachable."""


@dataclass
class TableRule:
    """One `ip rule`."""

    family: int
    table: str
    source: Network | None = None
    target: Network | None = None
    mark: int | None = None
    not_mark: int | None = None
    suppress: int = -1


@dataclass
class FilterRule:
    """One iptables rule; `open` when it has a condition that is not read here."""

    target: str
    words: str
    ins: str = ""
    outs: str = ""
    source: tuple[Network, ...] = ()
    dest: tuple[Network, ...] = ()
    states: frozenset[str] | None = None
    protocol: str = ""
    mark: int = 0
    negated: frozenset[str] = frozenset()
    open: bool = False


@dataclass
class Machine:
    name: str
    hooks: bool
    underlay: tuple[int, ...]
    lans: list[Network]
    key: str = ""
    port: int = 0
    mark: int = 0
    addresses: list[Address] = field(default_factory=list)
    peers: list[PeerLines] = field(default_factory=list)
    routes: dict[tuple[str, Network], str] = field(default_factory=dict)
    rules: list[TableRule] = field(default_factory=list)
    chains: dict[tuple[int, str, str], list[FilterRule]] = field(default_factory=dict)
    policies: dict[tuple[int, str, str], str] = field(default_factory=dict)
    forwarding: set[int] = field(default_factory=set)
    table: str = "auto"
    down: str = ""
    strange: list[str] = field(default_factory=list)


def bring_up(
    name: str, text: str, *, hooks: bool, underlay: tuple[int, ...], lans: list[str]
) -> Machine:
    """What runs after `wg-quick up`. `hooks` is false for an app, which runs none."""
    machine = Machine(name, hooks, underlay, [ip_network(lan) for lan in lans])
    for lan in machine.lans:
        machine.routes["main", lan] = "eth0"
    for everything in EVERYTHING:
        if everything.version in underlay:
            machine.routes["main", everything] = "eth0"
    before, after = _read(machine, text)
    for line in before if hooks else ():
        _hook(machine, line, tunnel=False)
    _wg_quick_routes(machine)
    for line in after if hooks else ():
        _hook(machine, line, tunnel=True)
    return machine


def _read(machine: Machine, text: str) -> tuple[list[str], list[str]]:
    before: list[str] = []
    after: list[str] = []
    peer: PeerLines | None = None
    for raw in text.splitlines():
        line = raw.split("#", 1)[0].strip() if not raw.startswith("Post") else raw.strip()
        if line.lower() == "[peer]":
            peer = PeerLines()
            machine.peers.append(peer)
        name, equals, value = (part.strip() for part in line.partition("="))
        if not equals:
            continue
        words = [word.strip() for word in value.split(",")]
        if peer is not None:
            _peer_line(peer, name, value, words)
        elif name == "Address":
            machine.addresses += [ip_interface(word).ip for word in words]
        elif name == "PrivateKey":
            machine.key = str(PrivateKey.parse(value).public_key())
        elif name == "ListenPort":
            machine.port = int(value)
        elif name == "FwMark":
            machine.mark = int(value, 0)
        elif name == "Table":
            machine.table = value
        elif name == "PreUp":
            before.append(value)
        elif name == "PostUp":
            after.append(value)
    return before, after


def _peer_line(peer: PeerLines, name: str, value: str, words: list[str]) -> None:
    if name == "PublicKey":
        peer.key = value
    elif name == "PresharedKey":
        peer.psk = value
    elif name == "AllowedIPs":
        peer.allowed += [ip_network(word) for word in words if word]
    elif name == "Endpoint":
        peer.endpoint = value
    elif name == "PersistentKeepalive":
        peer.keepalive = 0 if value == "off" else int(value)


def _wg_quick_routes(machine: Machine) -> None:
    """add_route of wg-quick(8): the longest first; a default in a table of its own, unless `Table`
    says where."""
    if machine.table == "off":
        return
    wanted = {net for peer in machine.peers for net in peer.allowed}
    for net in sorted(wanted, key=lambda net: -net.prefixlen):
        if net.prefixlen == 0 and machine.table == "auto" and machine.hooks:
            machine.mark = machine.mark or 51820
            table = str(machine.mark)
            table = {"254": "main", "253": "default", "255": "local"}.get(table, table)
            _add_route(machine, table, net, "wg0")
            for rule in (
                TableRule(net.version, table, not_mark=machine.mark),
                TableRule(net.version, "main", suppress=0),
            ):
                machine.rules.insert(0, rule)
        elif machine.table in ("auto", "main"):
            # an app puts its routes over those of the system; the kernel refuses to
            if not machine.hooks and net in machine.lans:
                continue
            if not machine.hooks:
                machine.routes["main", net] = "wg0"
            else:
                _add_route(machine, "main", net, "wg0")
        else:
            number = {"254": "main", "253": "default", "255": "local"}
            _add_route(machine, number.get(machine.table, machine.table), net, "wg0")


def _add_route(machine: Machine, table: str, net: Network, device: str) -> None:
    if machine.routes.get((table, net), device) != device:
        machine.down = machine.down or f"RTNETLINK answers: File exists ({net} in {table})"
    machine.routes[table, net] = device


def _hook(machine: Machine, line: str, *, tunnel: bool) -> None:
    line = WAN.sub(lambda m: "eth0" if int(m[1]) in machine.underlay else "lo", line)
    line = line.replace("%i", "wg0")
    # asked of a machine whose kernel has IPv6
    if line.startswith("[ ") and ("|| sysctl" in line or "|| ip -6" in line):
        line = line.partition("|| ")[2]
    parts = re.split(r";\s*(?![^{]*\})", line) if "iptables" in line else [line]
    for part in parts:
        forgiven = "|| true" in part
        command = part.split("||")[0].split("2>")[0].strip()
        try:
            words = shlex.split(command)
        except ValueError:
            words = ["?"]
        if words and not _run(machine, words, tunnel=tunnel) and not forgiven:
            machine.down = machine.down or f"hook failed: {command}"


def _run(machine: Machine, words: list[str], *, tunnel: bool) -> bool:
    """Whether the command succeeds."""
    name = words[0]
    if name in ("iptables", "ip6tables"):
        return _iptables(machine, 4 if name == "iptables" else 6, words[1:])
    if name == "sysctl":
        for word in words[1:]:
            key, equals, value = word.partition("=")
            if equals and key in FORWARDING:
                (machine.forwarding.add if value == "1" else machine.forwarding.discard)(
                    FORWARDING[key]
                )
        return True
    if name == "false" or words == ["exit", "1"]:
        return False
    if words[0] == "nft" and words[1].startswith("table ip6 meshc-hold-wg0 "):
        return True  # marks of answers to WireGuard's own packets
    if words == ["nft", "flush", "ruleset"]:
        machine.chains.clear()
        machine.policies.clear()
        return True
    if name == "ip":
        return _ip(machine, words[1:], tunnel=tunnel)
    if name not in QUIET:
        machine.strange.append(" ".join(words))
    return True


def _ip(machine: Machine, words: list[str], *, tunnel: bool) -> bool:
    family = 6 if "-6" in words else 4
    words = [word for word in words if word not in ("-4", "-6")]
    given = dict(pairwise(words))
    if words[:2] == ["link", "set"] and "down" in words:
        machine.down = machine.down or "ip link set down"
    elif words[:3] == ["route", "replace", "unreachable"]:
        machine.routes[given["table"], EVERYTHING[family == 6]] = NOWHERE
    elif words[0] == "route":
        net = EVERYTHING[family == 6] if words[2] == "default" else ip_network(words[2])
        table, device = given.get("table", "main"), given.get("dev", "wg0")
        if device == "wg0" and not tunnel:
            return False
        if words[1] == "del":
            return machine.routes.pop((table, net), None) is not None
        if words[1] == "add" and (table, net) in machine.routes:
            return False
        machine.routes[table, net] = device
    elif words[0] == "rule":
        mark, other = given.get("fwmark"), "not" in words
        rule = TableRule(
            family,
            given.get("lookup", given.get("table", "main")),
            ip_network(given["from"]) if "from" in given else None,
            ip_network(given["to"]) if "to" in given else None,
            int(mark, 0) if mark and not other else None,
            int(mark, 0) if mark and other else None,
            int(given.get("suppress_prefixlength", "-1")),
        )
        if words[1] == "del":
            if rule not in machine.rules:
                return False
            machine.rules.remove(rule)
        else:
            machine.rules.insert(0, rule)
    else:
        machine.strange.append("ip " + " ".join(words))
    return True


def _iptables(machine: Machine, family: int, words: list[str]) -> bool:
    words = [word for word in words if word != "-w"]
    table = "filter"
    if "-t" in words:
        at = words.index("-t")
        table = words[at + 1]
        del words[at : at + 2]
    action, chain, rest = words[0], words[1] if len(words) > 1 else "", words[2:]
    key = (family, table, chain)
    built_in = chain in ("INPUT", "OUTPUT", "FORWARD", "PREROUTING", "POSTROUTING")
    if action == "-N":
        machine.chains.setdefault(key, [])
    elif action == "-P":
        machine.policies[key] = rest[0]
    elif action == "-F":
        for one, rules in machine.chains.items():
            if one == key or (not chain and one[:2] == key[:2]):
                rules.clear()
    elif action == "-X":
        return machine.chains.pop(key, None) is not None
    elif action in ("-A", "-I"):
        if not built_in and key not in machine.chains:
            return False
        rule = _rule(rest)
        known = (*NAT_TARGETS, "ACCEPT", "DROP", "REJECT", "RETURN", "MASQUERADE", "MARK", "TCPMSS")
        if rule.target not in known and (family, table, rule.target) not in machine.chains:
            return False
        rules = machine.chains.setdefault(key, [])
        rules.insert(len(rules) if action == "-A" else 0, rule)
    elif action == "-D":
        rule = _rule(rest)
        rules = machine.chains.get(key, [])
        same = [one for one in rules if one.words == rule.words]
        if not same:
            return False
        rules.remove(same[0])
    return True


def _rule(words: list[str]) -> FilterRule:
    rule = FilterRule("", " ".join(words))
    negated = set()
    at, no = 0, False
    while at < len(words):
        flag, value = words[at], words[at + 1] if at + 1 < len(words) else ""
        at += 2
        if flag == "!":
            no, at = True, at - 1
            continue
        if no:
            negated.add(flag)
        no = False
        if flag == "-j":
            rule.target = value
        elif flag == "-i":
            rule.ins = value
        elif flag == "-o":
            rule.outs = value
        elif flag == "-s":
            rule.source = tuple(map(ip_network, value.split(",")))
        elif flag == "-d":
            rule.dest = tuple(map(ip_network, value.split(",")))
        elif flag == "-p":
            rule.protocol = value
        elif flag == "--ctstate":
            rule.states = frozenset(value.split(","))
        elif flag == "--set-mark":
            rule.mark = int(value, 0)
        elif flag == "--tcp-flags":
            at += 1
        elif flag == "--clamp-mss-to-pmtu":
            at -= 1
        elif flag not in ("-m", "--to"):
            rule.open = True
    rule.negated = frozenset(negated)
    return rule
