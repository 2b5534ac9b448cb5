"""PostUp and PostDown lines that let a Linux node forward, and take it all back.

What they promise:

- rules live in two own chains per interface, `MESHC-FWD-%i` (jumped to from FORWARD) and
  `MESHC-NAT-%i` (from nat POSTROUTING); nobody else's rule is read, moved or removed;
- the sysctl values that were there are kept under /run/meshc and written back when the *last*
  interface that needed forwarding goes down, so two networks on one host do not disturb
  each other;
- one rule a line; what a run that ended half way left behind is removed first.

wg-quick(8) replaces `%i` by the interface name and hands each line to bash.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from meshc.prefixes import Prefix, collapse
from meshc.topology.planner.mesh_plan import Forwarding, NodePlan
from meshc.values import dataclass

FORWARD_CHAIN = "MESHC-FWD-%i"
NAT_CHAIN = "MESHC-NAT-%i"
STATE = "/run/meshc"

IPTABLES = {4: "iptables -w", 6: "ip6tables -w"}
SWITCH = {4: "net.ipv4.ip_forward", 6: "net.ipv6.conf.all.forwarding"}
# What the kernel changes as well when the switch is thrown: forwarding of every interface, and
# with it whether redirects (IPv4, inet_forward_change) and router advertisements (IPv6, RFC 4861
# section 6.2.1: routers ignore them) are believed. The switch itself comes first, because
# writing it sets the others.
SAVED = {
    4: (
        "/proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/*/forwarding"
        " /proc/sys/net/ipv4/conf/*/accept_redirects"
    ),
    6: (
        "/proc/sys/net/ipv6/conf/all/forwarding /proc/sys/net/ipv6/conf/*/forwarding"
        " /proc/sys/net/ipv6/conf/*/accept_ra"
    ),
}


@dataclass(frozen=True, slots=True)
class Hooks:
    """Hook lines by their time, without the `PostUp = ` before them."""

    pre_up: tuple[str, ...] = ()
    post_up: tuple[str, ...] = ()
    pre_down: tuple[str, ...] = ()
    post_down: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        return self.pre_up + self.post_up + self.pre_down + self.post_down


def forwarding_hooks(plan: NodePlan) -> Hooks:
    """The lines for what this node forwards; empty when it forwards nothing."""
    if not plan.forwarding.needed:
        return Hooks()
    return _hooks(plan.forwarding, sources(plan))


def sources(plan: NodePlan) -> tuple[Prefix, ...]:
    """Every address from which the mesh may send through this node: the pools and the LANs that
    WireGuard's source filter lets in, without the default routes of exit users."""
    prefixes = {p for peer in plan.peers for p in peer.allowed_ips if p.length}
    return collapse([*prefixes, *plan.forwarding.pools])


@lru_cache(maxsize=1024)
def _hooks(forwarding: Forwarding, origins: tuple[Prefix, ...]) -> Hooks:
    up: list[str] = []
    down: list[str] = []
    leftovers: list[str] = []
    for family in forwarding.families:
        rules = list(_filter_rules(forwarding, family))
        nat = list(_nat_rules(forwarding, family, origins))
        tables = [("", "FORWARD", FORWARD_CHAIN, rules)]
        if nat:
            tables.append(("-t nat ", "POSTROUTING", NAT_CHAIN, nat))
        for table, hook, chain, lines in tables:
            command = f"{IPTABLES[family]} {table}"
            removal = _remove_chain(command, hook, chain)
            leftovers.append(removal)
            up += [f"{command}-N {chain}"]
            up += [f"{command}-A {chain} {line}" for line in lines]
            up += [f"{command}-I {hook} -j {chain}"]
            down.append(removal)
        up += _switch_on(family)
        down += _switch_back(family)
    return Hooks(pre_up=tuple(leftovers), post_up=tuple(up), post_down=tuple(down))


def _filter_rules(forwarding: Forwarding, family: int) -> Iterator[str]:
    if forwarding.clamp_mss:
        for way in ("-i", "-o"):
            yield f"{way} %i -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu"
    if forwarding.relay:
        yield "-i %i -o %i -j ACCEPT"
    for lan in _of(family, forwarding.lans):
        yield f"-i %i -d {lan} -j ACCEPT"
        yield f"-o %i -s {lan} -j ACCEPT"
    if forwarding.exit:
        yield f"-i %i -o {_wan(family)} -j ACCEPT"
        yield f"-i {_wan(family)} -o %i -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
    # Turning forwarding on must not open more than was asked for: what else comes in from the
    # mesh ends here, except connections that this host publishes itself (DNAT, as Docker does).
    yield "-i %i -m conntrack --ctstate DNAT -j RETURN"
    yield "-i %i -j DROP"


def _nat_rules(forwarding: Forwarding, family: int, origins: tuple[Prefix, ...]) -> Iterator[str]:
    lans = _of(family, forwarding.lans)
    for lan in lans:
        if not forwarding.masquerade:
            if forwarding.exit:
                yield f"-d {lan} -j RETURN"
            continue
        for origin in _of(family, origins):
            if not lan.contains(origin):
                yield f"-s {origin} -d {lan} ! -o %i -j MASQUERADE"
    if forwarding.exit:
        for origin in _of(family, origins):
            if not any(lan.contains(origin) for lan in lans):
                yield f"-s {origin} -o {_wan(family)} -j MASQUERADE"


def _wan(family: int) -> str:
    """The interface of the default route, found on the node when the line runs. A node without
    one (an exit whose provider has no IPv6) gets `lo`, where nothing is ever forwarded to."""
    return (
        f'"$({{ ip -{family} route show default; echo " dev lo"; }}'
        " | sed -n 's/.* dev \\([^ ]*\\).*/\\1/p' | sed 1q)\""
    )


def _remove_chain(command: str, hook: str, chain: str) -> str:
    """Never fails: wg-quick runs a line with `set -e` and gives up at the first that does."""
    quiet = "2>/dev/null || true"
    return (
        f"{command}-D {hook} -j {chain} {quiet};"
        f" {command}-F {chain} {quiet}; {command}-X {chain} {quiet}"
    )


def _switch_on(family: int) -> Iterator[str]:
    users, old = f"{STATE}/forward{family}", f"{STATE}/forward{family}.old"
    yield f"mkdir -p {users}"
    yield f"[ -s {old} ] || grep -H . {SAVED[family]} > {old}"
    yield f": > {users}/%i"
    if family == 6:
        # a host that got its own default route from a router advertisement keeps believing them
        yield (
            "for f in /proc/sys/net/ipv6/conf/*/accept_ra; do"
            ' [ "$(cat "$f")" != 1 ] || echo 2 > "$f"; done'
        )
    path = "/proc/sys/" + SWITCH[family].replace(".", "/")
    yield f'sysctl -q -w {SWITCH[family]}=1 || [ "$(cat {path})" = 1 ]'


def _switch_back(family: int) -> Iterator[str]:
    users, old = f"{STATE}/forward{family}", f"{STATE}/forward{family}.old"
    yield f"rm -f {users}/%i"
    yield (
        f"if rmdir {users} 2>/dev/null; then"
        f' while IFS=: read -r f v; do [ ! -e "$f" ] || echo "$v" > "$f" || true; done < {old};'
        f" rm -f {old}; fi"
    )


def _of(family: int, prefixes: Iterable[Prefix]) -> list[Prefix]:
    return [prefix for prefix in prefixes if prefix.family == family]
