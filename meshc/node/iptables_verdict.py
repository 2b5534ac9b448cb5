"""The verdict of iptables on an arriving packet, by what `iptables-save` shows."""

from __future__ import annotations

from meshc.node.arriving_packet import DEEPEST, DROPS, PASSES, ArrivingPacket, shown

_KNOWN = frozenset(("udp", "tcp", "conntrack", "state", "addrtype", "comment", "multiport"))


def iptables_drop(dump: str, packet: ArrivingPacket) -> tuple[str, str] | None:
    """The chain and the rule of the filter table that drop the packet for certain."""
    policies: dict[str, str] = {}
    chains: dict[str, list[str]] = {}
    table = ""
    for line in dump.splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif table == "filter" and line.startswith(":"):
            name, policy = line[1:].split()[:2]
            policies[name] = policy
            chains.setdefault(name, [])
        elif table == "filter" and line.startswith("-A "):
            _, name, rest = line.split(" ", 2)
            chains.setdefault(name, []).append(rest)
    hook = packet.hook.upper()
    verdict = _iptables_walk(chains, hook, packet, 0)
    if verdict is not None:
        return None if verdict == PASSES else verdict
    return (hook, f"policy {policies[hook]}") if policies.get(hook) == "DROP" else None


def _iptables_walk(
    chains: dict[str, list[str]], chain: str, packet: ArrivingPacket, depth: int
) -> tuple[str, str] | None:
    """The chain and rule that drop it, two empty words when it may pass, None at the end."""
    for rule in chains.get(chain, ()):
        holds, target, goes = _iptables_match(rule, packet)
        if holds is False:
            continue
        if target in DROPS:
            if holds:
                return chain, shown(rule)
        elif target == "RETURN":
            if holds:
                return None
        elif target.startswith("MESHC-"):
            return PASSES  # ours: what it drops is meant
        elif target in chains:
            if depth > DEEPEST:
                return PASSES
            inner = _iptables_walk(chains, target, packet, depth + 1)
            if inner is not None and (holds or inner == PASSES):
                return inner
            if goes and holds:
                return None
        elif target in ("ACCEPT", "QUEUE", "NFQUEUE"):
            return PASSES
    return None


def _iptables_match(rule: str, packet: ArrivingPacket) -> tuple[bool | None, str, bool]:
    """Whether the conditions hold (None: cannot be judged), the target, whether it is a goto."""
    words = rule.split()
    holds: bool | None = True
    no, at, target, goes = False, 0, "", False
    while at < len(words):
        flag, value = words[at], words[at + 1] if at + 1 < len(words) else ""
        at += 1
        if flag == "!":
            no = True
            continue
        if flag in ("-j", "-g"):
            return holds, value, flag == "-g"
        if flag == "-m":
            at += 1
            if value not in (
                "udp",
                "tcp",
                "conntrack",
                "state",
                "addrtype",
                "comment",
                "multiport",
            ):
                holds = None if holds is not False else False
            continue
        one = _condition(flag, value, packet)
        if one is None:
            holds = None if holds is not False else False
        elif one is no:
            return False, target, goes
        no = False
        while at < len(words) and not words[at].startswith("-") and words[at] != "!":
            at += 1
    return holds, target, goes


def _condition(flag: str, value: str, packet: ArrivingPacket) -> bool | None:
    if flag in ("-p", "--protocol"):
        return None if packet.port is None else value in ("udp", "all", "17")
    if flag in ("--dport", "--dports", "--destination-port"):
        return None if packet.port is None else _in_ports(value, packet.port)
    if flag in ("--sport", "--sports"):
        return False
    if flag in ("--ctstate", "--state"):
        return "NEW" in value.split(",")
    if flag in ("-i", "--in-interface"):
        if value == "lo":
            return False
        return value == packet.device if packet.device and not value.endswith("+") else None
    if flag == "--dst-type":
        return value == "LOCAL" if packet.hook == "input" else None
    return True if flag == "--comment" else None


def _in_ports(text: str, port: int) -> bool | None:
    for part in text.split(","):
        low, _, high = part.partition(":")
        if not low.isdigit() or not (high or low).isdigit():
            return None
        if int(low) <= port <= int(high or low):
            return True
    return False
