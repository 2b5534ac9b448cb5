"""Machines on an internet with NATs, and one packet at a time between them: what WireGuard, the
kernel's routes and iptables do with it. The slow counterpart of the proof, from the text of the
files and the topology as it was written; nothing of meshc but its key type is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Any

from tests.support.packet_machine import (
    NAT_TARGETS,
    NOWHERE,
    Address,
    FilterRule,
    Machine,
    Network,
    TableRule,
    bring_up,
)

APPS = ("macos", "windows", "ios", "android")


@dataclass(frozen=True)
class Packet:
    source: Address
    target: Address
    answer: bool = False
    protocol: str = "icmp"
    mark: int = 0

    @property
    def family(self) -> int:
        return self.source.version


@dataclass(frozen=True)
class Fate:
    """`end` is where it was seen last; `why` is empty when it arrived there, at the machine itself
    (`out` empty) or beyond it (`out` is LAN or internet). `open` when nobody can say."""

    path: tuple[str, ...]
    why: str = ""
    out: str = ""
    open: bool = False
    masked: bool = False

    @property
    def end(self) -> str:
        return self.path[-1]


class World:
    """`files` are wg-quick files by node, `data` the topology as it was written."""

    def __init__(self, files: Mapping[str, str], data: Mapping[str, Any]) -> None:
        self.nodes: Mapping[str, dict[str, Any]] = data["nodes"]
        self.sites: Mapping[str, dict[str, Any]] = data.get("sites", {})
        self.machines = {name: self._machine(name, text) for name, text in files.items()}
        self.walked = 0
        self.by_key = {machine.key: name for name, machine in self.machines.items()}

    def _machine(self, name: str, text: str) -> Machine:
        node = self.nodes[name]
        lans = [
            *listed(self.sites.get(node.get("site", ""), {}).get("lan")),
            *listed(node.get("routes")),
        ]
        return bring_up(
            name,
            text,
            hooks=node.get("platform", "linux") not in APPS,
            underlay=self.underlay(name),
            lans=list(dict.fromkeys(lans)),
        )

    def underlay(self, name: str) -> tuple[int, ...]:
        return underlay(self.nodes[name])

    def nat(self, name: str) -> str:
        node = self.nodes[name]
        site = self.sites.get(node.get("site", ""), {})
        return str(node.get("nat", site.get("nat", "unknown")))

    # --- sessions

    def session(self, a: Machine, b: Machine, *, used: bool) -> str:
        """Why no packet gets from a to b over their session; '' when it does. `used` when one has
        just come the other way."""
        ours = next((peer for peer in a.peers if peer.key == b.key), None)
        theirs = next((peer for peer in b.peers if peer.key == a.key), None)
        if theirs is None or ours is None:
            return "not listed"
        if ours.psk != theirs.psk:
            return "other pre-shared key"
        if used or self.starts(a, b):
            return ""
        if not self.starts(b, a):
            return "asleep" if self.could(a, b) and self.could(b, a) else "no handshake"
        return "" if 0 < theirs.keepalive <= 120 else "asleep"

    def starts(self, a: Machine, b: Machine) -> bool:
        """Whether a may send to b first. A filter lets in whom b keeps sending to."""
        how = self.way(a, b)
        if how != "filtered":
            return how != ""
        back = next(peer for peer in b.peers if peer.key == a.key)
        return self.way(b, a) != "" and 0 < back.keepalive <= 120

    def could(self, a: Machine, b: Machine) -> bool:
        return self.way(a, b) != ""

    def way(self, a: Machine, b: Machine) -> str:
        """What a's Endpoint line for b is worth: lan, open, filtered or ''."""
        ours = next((peer for peer in a.peers if peer.key == b.key), None)
        if ours is None or not ours.endpoint or not b.port:
            return ""
        host, _, port = ours.endpoint.rpartition(":")
        there, near = self.nodes[b.name], self.nodes[a.name]
        lan = str(there.get("lan_endpoint", ""))
        if lan and near.get("site") and near.get("site") == there.get("site") and host == lan:
            return "lan" if int(port) == b.port else ""
        public = [_with_port(end, b.port) for end in listed(there.get("endpoint"))]
        if ours.endpoint not in public:
            return ""
        families = set(self.underlay(a.name))
        families &= address_family(host) or set(self.underlay(b.name))
        if not families:
            return ""
        nat = self.nat(b.name)
        if nat in ("none", "full_cone", "unknown"):
            return "open"
        return "filtered" if nat in ("restricted", "port_restricted") else ""

    def device(self, name: str, packet: Packet) -> str:
        """Which way a first packet of a machine goes."""
        return route(self.machines[name], packet, bound=False)[0]

    def swallows(self, name: str) -> bool:
        """Whether WireGuard's own packets to some endpoint go into the tunnel."""
        here = self.machines[name]
        for peer in here.peers:
            host = peer.endpoint.rpartition(":")[0].strip("[]")
            for family in (address_family(host) or {4}) if peer.endpoint else ():
                far = ip_address(host if address_family(host) else "192.0.2.1")
                source = ip_address("0.0.0.0" if family == 4 else "::")
                if self.device(name, Packet(source, far, mark=here.mark)) == "wg0":
                    return True
        return False

    # --- packets

    def send(self, origin: str, packet: Packet, *, inside: bool = True) -> Fate:
        """From a machine; `inside` false for a host beside it, or the internet behind it."""
        path = [origin]
        way_in = "" if inside else "eth0"
        while len(path) < 64:
            here = self.machines[path[-1]]
            if here.down:
                return Fate(tuple(path), f"{here.name} is down: {here.down}")
            if here.strange:
                return Fate(tuple(path), "strange hook", open=True)
            step = self.step(here, packet, way_in, path)
            if isinstance(step, Fate):
                return step
            path.append(step)
            way_in = "wg0"
        return Fate(tuple(path), "goes round")

    def step(self, here: Machine, packet: Packet, way_in: str, path: list[str]) -> Fate | str:
        """The fate at one machine, or the next one."""
        way = tuple(path)
        if way_in:
            for table in ("raw", "mangle"):
                verdict = pass_chain(here, table, "PREROUTING", packet, way_in, "")
                if verdict.why:
                    return Fate(way, verdict.why, open=verdict.open)
                packet = replace(packet, mark=verdict.mark)
            if nat_of(here, "PREROUTING", packet, way_in, "") in NAT_TARGETS:
                return Fate(way, "rewritten", open=True)
        if packet.target in here.addresses:
            for table in ("mangle", "filter") if way_in else ():
                verdict = pass_chain(here, table, "INPUT", packet, way_in, "")
                if verdict.why:
                    return Fate(way, verdict.why, open=verdict.open)
            return Fate(way)
        bound = bool(way_in) or packet.answer
        device, net = route(here, packet, bound=bound)
        if device in ("", NOWHERE):
            return Fate(way, "no route")
        verdict = self.out(here, packet, way_in, device)
        if verdict.why:
            return Fate(way, verdict.why, open=verdict.open)
        if device == "wg0":
            return self.tunnel(here, packet, way)
        kind = "LAN" if net in here.lans else "internet"
        if not way_in:
            return Fate(way, f"leaves beside the tunnel, to the {kind}", out=kind)
        masked = nat_of(here, "POSTROUTING", packet, "", device) == "MASQUERADE"
        return Fate(way, out=kind, masked=masked)

    def out(self, here: Machine, packet: Packet, way_in: str, device: str) -> Verdict:
        if not way_in:
            for table in ("raw", "mangle", "filter"):
                verdict = pass_chain(here, table, "OUTPUT", packet, "", device)
                if verdict.why:
                    return verdict
        else:
            if not here.hooks or packet.family not in here.forwarding:
                return Verdict("forwarding is off")
            for table in ("mangle", "filter"):
                verdict = pass_chain(here, table, "FORWARD", packet, way_in, device)
                if verdict.why:
                    return verdict
        verdict = pass_chain(here, "mangle", "POSTROUTING", packet, "", device)
        hidden = way_in and device == "wg0" and nat_of(here, "POSTROUTING", packet, "", device)
        if hidden and not verdict.why:
            return Verdict("its source is hidden in the tunnel", open=True)
        return verdict

    def tunnel(self, here: Machine, packet: Packet, way: tuple[str, ...]) -> Fate | str:
        key = _peer_of(here, packet.target)
        if not key:
            return Fate(way, "no peer has the target")
        name = self.by_key.get(key)
        if name is None or name == here.name:
            return Fate(way, "nobody has this key")
        there = self.machines[name]
        fault = self.session(here, there, used=packet.answer)
        if fault:
            return Fate((*way, name), f"{fault}: {here.name} → {name}")
        if _peer_of(there, packet.source) != here.key:
            return Fate((*way, name), "not a source of this peer")
        return name


def underlay(node: Mapping[str, Any]) -> tuple[int, ...]:
    """The families in which a node speaks to the internet: those of its endpoints, if all of them
    are addresses, unless it says otherwise."""
    if "underlay" in node:
        return tuple(int(word[-1]) for word in listed(node["underlay"]))
    ends = [address_family(host_of(end)) for end in listed(node.get("endpoint"))]
    return tuple(sorted(set().union(*ends))) if ends and all(ends) else (4, 6)


def host_of(end: str) -> str:
    """Without the port."""
    return end[: end.rindex("]") + 1] if end.startswith("[") else end.partition(":")[0]


def listed(value: object) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def address_family(host: str) -> set[int]:
    try:
        return {ip_address(host.strip("[]")).version}
    except ValueError:
        return set()


def _with_port(end: str, port: int) -> str:
    bare = end.startswith("[") and end.endswith("]")
    return f"{end}:{port}" if bare or ":" not in end else end


def _peer_of(here: Machine, address: Address) -> str:
    """Cryptokey routing: the longest AllowedIPs, and of two alike the one that came last."""
    best, key = -1, ""
    for peer in here.peers:
        for net in peer.allowed:
            if net.version == address.version and address in net and net.prefixlen >= best:
                best, key = net.prefixlen, peer.key
    return key


def route(here: Machine, packet: Packet, *, bound: bool) -> tuple[str, Network | None]:
    """The device and the network that was found. A first packet of the machine has no source
    before its route is known."""
    last = TableRule(packet.family, "main")
    for rule in (*here.rules, last):
        if not _selects(rule, packet, bound=bound):
            continue
        best: Network | None = None
        for table, net in here.routes:
            fits = table == rule.table and net.version == packet.family and packet.target in net
            if fits and (best is None or net.prefixlen > best.prefixlen):
                best = net
        if best is not None and best.prefixlen > rule.suppress:
            return here.routes[rule.table, best], best
    return "", None


def _selects(rule: TableRule, packet: Packet, *, bound: bool) -> bool:
    if rule.family != packet.family:
        return False
    if rule.source is not None and not (bound and packet.source in rule.source):
        return False
    if rule.target is not None and packet.target not in rule.target:
        return False
    if rule.mark is not None and packet.mark != rule.mark:
        return False
    return rule.not_mark is None or packet.mark != rule.not_mark


@dataclass(frozen=True)
class Verdict:
    """`why` is what drops it."""

    why: str = ""
    mark: int = 0
    open: bool = False


def pass_chain(
    here: Machine, table: str, chain: str, packet: Packet, way_in: str, way_out: str
) -> Verdict:
    """A built-in chain. What no rule forwards is not forwarded, as on a careful machine."""
    key = (packet.family, table, chain)
    end = _walk(here, key, packet, way_in, way_out)
    if end is None:
        policy = here.policies.get(key, "ACCEPT")
        if chain == "FORWARD" and table == "filter":
            return Verdict("no rule forwards it")
        return Verdict(f"policy {policy}" if policy == "DROP" else "", packet.mark)
    rule, mark = end
    if rule.open or rule.target not in ("ACCEPT", "DROP", "REJECT"):
        return Verdict(f"nobody knows: {rule.words}", open=True)
    return Verdict("" if rule.target == "ACCEPT" else rule.words, mark)


def _walk(
    here: Machine, key: tuple[int, str, str], packet: Packet, way_in: str, way_out: str
) -> tuple[FilterRule, int] | None:
    """The rule that decides, and the mark that the packet has by then."""
    for rule in here.chains.get(key, ()):
        if not _meets(rule, packet, way_in, way_out):
            continue
        if rule.target == "MARK":
            packet = replace(packet, mark=rule.mark)
        elif rule.target == "RETURN":
            break
        elif (key[0], key[1], rule.target) in here.chains:
            found = _walk(here, (key[0], key[1], rule.target), packet, way_in, way_out)
            if found is not None:
                return found
        elif rule.target != "TCPMSS":
            return rule, packet.mark
    marked = FilterRule("ACCEPT", "the end")
    return (marked, packet.mark) if packet.mark and key[1] == "mangle" else None


def nat_of(here: Machine, chain: str, packet: Packet, way_in: str, way_out: str) -> str:
    """What becomes of a first packet's addresses: connection tracking does it to the others."""
    if packet.answer:
        return ""
    found = _walk(here, (packet.family, "nat", chain), packet, way_in, way_out)
    return found[0].target if found is not None and found[0].target != "ACCEPT" else ""


def _meets(rule: FilterRule, packet: Packet, way_in: str, way_out: str) -> bool:
    state = "ESTABLISHED" if packet.answer else "NEW"
    facts = (
        ("-i", rule.ins, rule.ins == way_in),
        ("-o", rule.outs, rule.outs == way_out),
        ("-s", rule.source, any(packet.source in one for one in rule.source)),
        ("-d", rule.dest, any(packet.target in one for one in rule.dest)),
        ("--ctstate", rule.states, rule.states is not None and state in rule.states),
        ("-p", rule.protocol, rule.protocol in ("all", packet.protocol)),
    )
    return all(not given or holds != (flag in rule.negated) for flag, given, holds in facts)
