"""Findings about the machine under a node: what others have there that is in the way of its tunnel.

Each says what would mend it. Errors are those that would make a deploy fail, or put back.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator

from meshc.deploy.machine_facts import MachineFacts, MachineQuestion
from meshc.deploy.plan.difference import Difference
from meshc.deploy.plan.target import Target
from meshc.deploy.protocol import Activation, Supervisor
from meshc.diagnostics import Diagnostic
from meshc.errors import PrefixFormatError
from meshc.prefixes import DEFAULT_V4, Prefix
from meshc.render.report.text import visible
from meshc.wg.overhead import OVERHEAD

UNREACHABLE = frozenset({"W714"})
"""Warnings of what a deploy may do, and after which the network is dead all the same."""
_MOST = 5
_MOST_LETTERS = 300
_CLOCK = 120
"""Seconds: what is asked over a slow line is not told to have a wrong clock."""
_WG_QUICK = (Supervisor.WG_QUICK, Supervisor.WG_QUICK_UNIT)
_BEGINS = (Activation.START, Activation.RESTART)


def question(target: Target) -> MachineQuestion:
    """What a node is asked of its machine."""
    conf, forwarding = target.values, target.plan.forwarding
    outer = {peer.endpoint.host for peer in conf.peers if peer.endpoint is not None}
    literal = sorted(host for host in outer if _family(host))
    return MachineQuestion(
        conf.listen_port, forwarding.families if forwarding.needed else (), tuple(literal)
    )


def machine_findings(
    target: Target, machine: MachineFacts | None, found: Difference, *, now: float | None = None
) -> Iterator[Diagnostic]:
    """`now` is the time here in seconds since 1970, for tests."""
    if machine is None:
        return
    yield from _port(target, machine)
    yield from _ipv6(target, machine, found)
    yield from _switches(target, machine)
    yield from _valid_mark(target, machine, found)
    yield from _drops(target, machine)
    yield from _routes(target, machine)
    yield from _mtu(target, machine)
    yield from _clock(target, machine, time.time() if now is None else now)


def _at(target: Target, code: str, message: str, hint: str, *lines: str) -> Diagnostic:
    spec = target.plan.spec
    message = f"{spec.name}: {message}"
    return Diagnostic(code, message, spec.at("deploy"), f"nodes.{spec.name}", hint, lines)


def _said(text: str) -> str:
    return visible(text[:_MOST_LETTERS])


def _port(target: Target, machine: MachineFacts) -> Iterator[Diagnostic]:
    if machine.holder:
        yield _at(
            target,
            "E711",
            f"UDP port {target.values.listen_port} is taken there by {_said(machine.holder)}",
            f"end that on the node, or set another `listen_port` in nodes.{target.name}.",
        )


def _ipv6(target: Target, machine: MachineFacts, found: Difference) -> Iterator[Diagnostic]:
    conf = target.values
    wanted = [one.host for one in conf.addresses]
    wanted += [prefix for peer in conf.peers for prefix in peer.allowed_ips]
    begins = found.activation in _BEGINS and found.choice is not None
    if machine.ipv6 or not begins or all(one.family == 4 for one in wanted):
        return
    assert found.choice is not None
    if found.choice.supervisor in _WG_QUICK:
        only_exit = all(one.family == 4 or not one.length for one in wanted)
        yield _at(
            target,
            "E712",
            "IPv6 is off there, and wg-quick cannot bring up a file that has IPv6",
            "switch it on (`sysctl net.ipv6.conf.all.disable_ipv6=0 "
            "net.ipv6.conf.default.disable_ipv6=0`), or set deploy.supervisor to `systemd` or "
            "`meshc`, which leave it out"
            + ('; or say `exit_except: ["::/0"]`, where nothing of IPv6 can leak' * only_exit)
            + ".",
        )


def _switches(target: Target, machine: MachineFacts) -> Iterator[Diagnostic]:
    if machine.closed:
        yield _at(
            target,
            "E713",
            f"it forwards for others, but {', '.join(map(_said, machine.closed[:_MOST]))} is 0 and "
            "cannot be written",
            "a container gets it from its host: set it to 1 there (docker: `--sysctl "
            "net.ipv4.ip_forward=1`; LXC: a privileged one).",
        )


def _valid_mark(target: Target, machine: MachineFacts, found: Difference) -> Iterator[Diagnostic]:
    """wg-quick writes it beside a default route, also where it is right already."""
    conf = target.values
    exits = any(prefix == DEFAULT_V4 for peer in conf.peers for prefix in peer.allowed_ips)
    begins = found.activation in _BEGINS and found.choice is not None
    if not machine.valid_mark or not exits or conf.table is not None or not begins:
        return
    assert found.choice is not None
    right = machine.valid_mark == "1"
    if found.choice.supervisor in _WG_QUICK or not right:
        ours = "set deploy.supervisor to `systemd` or `meshc`, which write no value that is there"
        theirs = (
            "a container gets it from its host: set it to 1 there (docker: `--sysctl "
            f"net.ipv4.conf.all.src_valid_mark=1`), and {ours}"
        )
        yield _at(
            target,
            "E718",
            "it uses an exit, and net.ipv4.conf.all.src_valid_mark there is "
            f"{_said(machine.valid_mark)} and cannot be written"
            + (": wg-quick writes it all the same, and gives up" if right else ""),
            f"{ours if right else theirs}; or make /proc/sys writable (a privileged container).",
        )


def _drops(target: Target, machine: MachineFacts) -> Iterator[Diagnostic]:
    for drop in machine.drops[:_MOST]:
        yield _at(
            target,
            "W714",
            f"{_said(drop.what)} is dropped there by a foreign firewall: `{_said(drop.rule)}` in "
            f"{_said(drop.where)}",
            f"{_said(drop.remedy)}.",
        )


def _routes(target: Target, machine: MachineFacts) -> Iterator[Diagnostic]:
    """A default route takes nothing away: everything is more specific."""
    if target.values.table not in (None, "auto"):
        return
    ours = {p for peer in target.values.peers for p in peer.allowed_ips if p.length > 1}
    taken = {}
    for route in machine.routes:
        with contextlib.suppress(PrefixFormatError):
            prefix = Prefix.parse(route.prefix)
            inside = [one for one in ours if one.contains(prefix)]
            if inside:
                kind = machine.tunnels.get(route.device)
                where = f"{route.device} ({kind})" if kind else route.device
                taken[prefix] = f"{prefix} leads into {_said(where)}"
    if taken:
        yield _at(
            target,
            "W715",
            "it has routes of its own into what the network reaches through the tunnel",
            "what they match never gets into the tunnel: take down the other tunnel or network, "
            "or give one of the two other addresses.",
            *(taken[prefix] for prefix in sorted(taken)[:_MOST]),
        )


def _mtu(target: Target, machine: MachineFacts) -> Iterator[Diagnostic]:
    mtu = target.values.mtu
    if mtu is None:
        return
    fits = {
        address: found - OVERHEAD[family]
        for address, found in machine.path_mtu.items()
        if (family := _family(address)) and found > OVERHEAD[family]
    }
    small = min(fits, key=lambda address: (fits[address], address), default="")
    if small and fits[small] < mtu:
        path = machine.path_mtu[small]
        yield _at(
            target,
            "W716",
            f"the way to {_said(small)} has an MTU of {path}, which leaves {fits[small]} in the "
            f"tunnel; {mtu} is set",
            f"set `uplink_mtu: {path}` in nodes.{target.name}, or in its site.",
        )


def _clock(target: Target, machine: MachineFacts, now: float) -> Iterator[Diagnostic]:
    off = machine.time - int(now)
    if machine.time and abs(off) > _CLOCK:
        yield _at(
            target,
            "W717",
            f"its clock is {_span(abs(off))} {'ahead' if off > 0 else 'behind'}",
            "set it, and keep it (NTP): peers refuse the handshakes of a node whose clock was "
            "set back until it is past where it was.",
        )


def _span(seconds: int) -> str:
    if seconds >= 86400:
        return "more than a day"
    return f"{seconds // 60} minutes" if seconds < 7200 else f"{seconds // 3600} hours"


def _family(host: str) -> int:
    """Of an address; 0 for a name."""
    with contextlib.suppress(PrefixFormatError):
        return Prefix.host(host).family
    return 0


def in_the_way(findings: Iterable[Diagnostic]) -> bool:
    """Whether one of them leaves the node out of reach for the others."""
    return any(found.code in UNREACHABLE for found in findings)
