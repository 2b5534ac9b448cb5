"""The verdict of nftables on an arriving packet, by what `nft -j list ruleset` shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Dict, List, Tuple  # noqa: UP035

from meshc.node.arriving_packet import DEEPEST, DROPS, PASSES, ArrivingPacket, shown

_OF_IPTABLES = frozenset(("filter", "nat", "mangle", "raw", "security"))
# evaluated on nodes, by Python 3.8
RulesOfChain = Dict[Tuple[str, str, str], List[Dict[str, Any]]]  # noqa: UP006


def nft_drops(
    ruleset: Iterable[dict[str, Any]], packet: ArrivingPacket
) -> Iterator[tuple[str, str, str]]:
    """Table, chain and rule of every base chain that drops the packet for certain; the tables of
    iptables are looked at elsewhere."""
    wanted = {"inet", {4: "ip", 6: "ip6"}[packet.family]}
    bases: list[dict[str, Any]] = []
    rules: RulesOfChain = {}
    for entry in ruleset:
        for kind, value in entry.items():
            if kind not in ("chain", "rule") or value.get("family") not in wanted:
                continue
            table = str(value.get("table"))
            # ours drop what is meant to be dropped
            ours = table.startswith("meshc")
            if ours or (value["family"] != "inet" and table in _OF_IPTABLES):
                continue
            if kind == "chain":
                bases += [value] if value.get("hook") == packet.hook else []
            else:
                key = (value["family"], value["table"], value["chain"])
                rules.setdefault(key, []).append(value)
    for base in bases:
        key = (base["family"], base["table"], base["name"])
        verdict = _nft_walk(rules, key, packet, 0)
        if verdict is None and base.get("policy") == "drop":
            verdict = (base["name"], "policy drop")
        if verdict is not None and verdict != PASSES:
            yield shown(f"{key[0]} {key[1]}"), shown(verdict[0]), verdict[1]


def _nft_walk(
    rules: RulesOfChain,
    key: tuple[str, str, str],
    packet: ArrivingPacket,
    depth: int,
) -> tuple[str, str] | None:
    """As of iptables."""
    if depth > DEEPEST:
        return PASSES
    for rule in rules.get(key, ()):
        holds: bool | None = True
        for part in rule.get("expr", ()):
            word = next(iter(part), "")
            if word == "match":
                one = _nft_match(part["match"], packet)
                if one is False:
                    holds = False
                    break
                holds = None if one is None else holds
            elif word == "accept":
                return PASSES
            elif word in DROPS:
                if holds:
                    return key[2], shown(_nft_text(rule))
            elif word in ("jump", "goto"):
                inner = _nft_walk(rules, (*key[:2], part[word]["target"]), packet, depth + 1)
                if inner is not None and (holds or inner == PASSES):
                    return inner
                if word == "goto" and holds:
                    return None
            elif word == "return":
                if holds:
                    return None
            elif word == "vmap":
                return PASSES  # where it leads is not followed
            elif word not in ("counter", "log"):
                holds = None
    return None


def _nft_match(match: dict[str, Any], packet: ArrivingPacket) -> bool | None:
    left, right = match.get("left"), match.get("right")
    if match.get("op") not in ("==", "!=", "in") or not isinstance(left, dict):
        return None
    found: bool | None = None
    if left == {"meta": {"key": "iifname"}} and isinstance(right, str):
        if right == "lo":
            found = False
        elif packet.device and not right.endswith("*"):
            found = right == packet.device
    elif left in (
        {"meta": {"key": "l4proto"}},
        {"payload": {"protocol": "ip", "field": "protocol"}},
    ):
        if packet.port is not None:
            found = "udp" in _values(right)
    elif isinstance(left.get("payload"), dict) and left["payload"].get("field") == "dport":
        if packet.port is not None:
            ports = _values(right)
            known = left["payload"].get("protocol") in ("udp", "th") and None not in ports
            found = packet.port in ports if known else None
            found = False if left["payload"].get("protocol") == "tcp" else found
    elif left == {"ct": {"key": "state"}}:
        found = "new" in _values(right)
    elif left == {"ct": {"key": "status"}}:
        found = False  # a packet that begins is no answer, and nothing was rewritten
    elif left in ({"meta": {"key": "nfproto"}},):
        found = {4: "ipv4", 6: "ipv6"}[packet.family] in _values(right)
    if found is None:
        return None
    wanted: bool = match["op"] != "!="
    return found is wanted


def _values(right: Any) -> list[Any]:
    """The values of a set, ranges written out where they hold numbers; None for what is none."""
    if isinstance(right, dict) and "set" in right:
        return [value for item in right["set"] for value in _values(item)]
    if isinstance(right, dict) and "range" in right:
        low, high = right["range"]
        return list(range(low, high + 1)) if isinstance(low, int) else [None]
    if isinstance(right, list):
        return [value for item in right for value in _values(item)]
    return [right if isinstance(right, (str, int)) else None]


def _nft_text(rule: dict[str, Any]) -> str:
    """The rule in few words: its handle finds the rest."""
    words = [next(iter(part), "") for part in rule.get("expr", ())]
    return f"{' '.join(word for word in words if word != 'counter')} (handle {rule.get('handle')})"
