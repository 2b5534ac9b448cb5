"""Whether a kill switch holds: what leaves a node in clear text when its tunnel is gone.

Two accidents are judged apart, because one guard stands for each: the interface goes, and with it
its routes; or the rules of the routing go, so that everything takes the default route of the
place. The chain is read here by itself: elsewhere a mark is beyond the proof.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from meshc.diagnostics import Diagnostics, Location
from meshc.errors import PrefixFormatError
from meshc.prefixes import Prefix
from meshc.topology.proof.hook_commands import commands
from meshc.topology.proof.iptables_rule import TUNNEL, Rule
from meshc.topology.proof.netfilter import Firewall
from meshc.topology.proof.node_model import NodeModel
from meshc.topology.proof.open_exits import INTERNET
from meshc.topology.proof.peer_table import MeshPeerTable
from meshc.topology.proof.policy_routing import read_ip_command, read_route
from meshc.wg.conf import Conf

_UPLINK, _LOOP = "", "lo"
_DENIES = ("DROP", "REJECT")
_DEEPEST = 16


class Leaving(NamedTuple):
    """A packet of the node's own on its way out of a device: the tunnel, `lo`, or empty for the
    uplink, whose name nobody knows. `mark` 0 is none."""

    family: int
    target: int
    device: str
    mark: int = 0


def check_kill_switches(
    table: MeshPeerTable, pools: tuple[Prefix, ...], found: Diagnostics
) -> None:
    """E447 for a node that asks for one and has none that holds."""
    for n, model in enumerate(table.models):
        conf = model.conf
        if not model.facts.kill_switch or conf is None:
            continue
        fault = next(_faults(model, conf, pools), "")
        if fault:
            found.add(
                "E447",
                f"{model.name}: {fault}",
                Location(table.files[n], 1, 1),
                path=f"nodes.{model.name}.kill_switch",
                hint="build again; a hook of its own in post_up may open what the switch closes",
            )


def _faults(model: NodeModel, conf: Conf, pools: tuple[Prefix, ...]) -> Iterator[str]:
    mark = conf.fwmark or 0
    if not mark:
        yield "without FwMark nothing tells WireGuard's own packets from others"
    for family in (4, 6):
        word = f"IPv{family}"
        if str(mark) not in _closed_tables(conf, family):
            yield f"{word} leaves by the default route when the interface goes"
        targets = [INTERNET[family].value]
        targets += [pool.value + 1 for pool in pools if pool.family == family]
        for target in targets:
            if passes(model.firewall, Leaving(family, target, _UPLINK)):
                yield f"{word} leaves in clear text when the rules of its routing are flushed"
            if not passes(model.firewall, Leaving(family, target, TUNNEL)):
                yield f"{word} does not even get into the tunnel"
        if not passes(model.firewall, Leaving(family, INTERNET[family].value, _UPLINK, mark)):
            yield f"{word}: WireGuard's own packets are held back"


def _closed_tables(conf: Conf, family: int) -> set[str]:
    """Tables whose last route is one that lets nothing out."""
    closed: set[str] = set()
    for line in conf.post_up:
        for words in commands(line):
            if words[0].rpartition("/")[2] != "ip":
                continue
            command = read_ip_command(list(words[1:]))
            if command.kind not in ("route", "r", "ro") or command.family != family:
                continue
            change = read_route(command, "")
            if change is None or change.prefix.length:
                continue
            last = int(dict(pairwise(command.rest)).get("metric", "0")) > 1 << 31
            if command.action in ("add", "replace") and command.rest[0] == "unreachable" and last:
                closed.add(change.table)
            elif command.action in ("del", "delete"):
                closed.discard(change.table)
    return closed


def passes(firewall: Firewall, packet: Leaving) -> bool:
    """Whether OUTPUT lets it go. A condition that cannot be judged opens, and closes nothing."""
    chain = (packet.family, "filter", "OUTPUT")
    decided = _walk(firewall, chain, packet, 0)
    return firewall.policies.get(chain, "ACCEPT") == "ACCEPT" if decided is None else decided


def _walk(
    firewall: Firewall, chain: tuple[int, str, str], packet: Leaving, depth: int
) -> bool | None:
    for rule in firewall.chains.get(chain, ()):
        holds = _matches(rule, packet, firewall.interface)
        if holds is False:
            continue
        if rule.target in _DENIES:
            if holds:
                return False
        elif rule.target == "ACCEPT":
            return True
        elif rule.target == "RETURN":
            return None
        else:
            inner = (*chain[:2], rule.target)
            found = _walk(firewall, inner, packet, depth + 1) if depth < _DEEPEST else True
            if found is not None and (found or holds):
                return found
    return None


def _matches(rule: Rule, packet: Leaving, interface: str) -> bool | None:
    """None when a condition cannot be judged."""
    words, unknown, no = rule.text.split(), False, False
    at = 0
    while at < len(words):
        flag, value = words[at], words[at + 1] if at + 1 < len(words) else ""
        at += 1
        if flag == "!":
            no = True
            continue
        if flag in ("-j", "--jump", "-g", "--goto"):
            break
        at += 1
        if flag == "-m" and value in ("mark", "comment"):
            holds: bool | None = True
        elif flag in ("-o", "--out-interface"):
            holds = _device(TUNNEL if value == interface else value, packet.device)
        elif flag in ("-d", "--destination"):
            holds = _inside(value, packet)
        elif flag == "--mark" and value.isdigit():
            holds = int(value) == packet.mark
        else:
            holds = None
        if holds is None:
            unknown = True
        elif holds is no:
            return False
        no = False
    return None if unknown else True


def _device(named: str, device: str) -> bool | None:
    """The uplink may have any name but those of the tunnel and of the machine's own loop."""
    if named in (TUNNEL, _LOOP):
        return named == device
    return None if device == _UPLINK or named.endswith("+") else False


def _inside(text: str, packet: Leaving) -> bool | None:
    try:
        prefix = Prefix.parse(text)
    except PrefixFormatError:
        return None
    return prefix.family == packet.family and prefix.value <= packet.target <= prefix.last
