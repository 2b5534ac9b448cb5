"""The shapes of the hook lines that let a Linux node forward, and take it all back.

What they promise:

- rules live in two own chains per interface, `MESHC-FWD-%i` (jumped to from FORWARD) and
  `MESHC-NAT-%i` (from nat POSTROUTING); nobody else's rule is read, moved or removed;
- the sysctl values that were there are kept under /run/meshc and written back when the *last*
  interface that needed forwarding goes down, so two networks on one host do not disturb
  each other; and not while anybody else is seen who forwards;
- one rule a line; what a run that ended half way left behind is removed first.

wg-quick(8) replaces `%i` by the interface name and hands each line to bash. `meshc up` knows the
lines by these same shapes (`meshc.node.emitted_firewall`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

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


class HookChain(NamedTuple):
    """One own chain in a table, jumped to from the built-in chain `hook`, or, where that is empty,
    from other chains of ours. A rule is the part of an
    iptables line after `-A CHAIN`, with `%i` for the interface."""

    table: str
    name: str
    hook: str
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hooks:
    """Hook lines by their time, without the `PostUp = ` before them. `comments` are lines of the
    file that the hooks read."""

    pre_up: tuple[str, ...] = ()
    post_up: tuple[str, ...] = ()
    pre_down: tuple[str, ...] = ()
    post_down: tuple[str, ...] = ()
    comments: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        return self.pre_up + self.post_up + self.pre_down + self.post_down


def forward_chain(rules: Iterable[str]) -> HookChain:
    """The chain for what passes."""
    return HookChain("filter", FORWARD_CHAIN, "FORWARD", tuple(rules))


def nat_chain(rules: Iterable[str]) -> HookChain:
    """The chain for whose source is hidden."""
    return HookChain("nat", NAT_CHAIN, "POSTROUTING", tuple(rules))


def family_hooks(family: int, chains: Iterable[HookChain]) -> Hooks:
    """All lines of one family."""
    up: list[str] = []
    removals: list[str] = []
    for chain in chains:
        command = table_command(family, chain.table)
        removals.append(remove_chain(command, chain.hook, chain.name))
        up += [f"{command}-N {chain.name}"]
        up += [f"{command}-A {chain.name} {rule}" for rule in chain.rules]
        up += [f"{command}-I {chain.hook} -j {chain.name}"]
    return Hooks(
        pre_up=tuple(removals),
        post_up=(*up, *switch_on(family)),
        post_down=(*removals, *switch_back(family)),
    )


def table_command(family: int, table: str) -> str:
    """What a line begins with: `iptables -w -t nat `."""
    return IPTABLES[family] + (" " if table == "filter" else f" -t {table} ")


def wan_word(family: int) -> str:
    """The interface of the default route, found on the node when the line runs. A node without
    one (an exit whose provider has no IPv6) gets `lo`, where nothing is ever forwarded to."""
    return (
        f'"$({{ ip -{family} route show default; echo " dev lo"; }}'
        " | sed -n 's/.* dev \\([^ ]*\\).*/\\1/p' | sed 1q)\""
    )


def remove_chain(command: str, hook: str, chain: str) -> str:
    """Never fails: wg-quick runs a line with `set -e` and gives up at the first that does. A chain
    without a hook is jumped to from chains of ours only."""
    quiet = "2>/dev/null || true"
    jump = f"{command}-D {hook} -j {chain} {quiet}; " if hook else ""
    return f"{jump}{command}-F {chain} {quiet}; {command}-X {chain} {quiet}"


def switch_on(family: int) -> Iterator[str]:
    """The lines that turn forwarding on, and keep what was there."""
    users, old = f"{STATE}/forward{family}", f"{STATE}/forward{family}.old"
    yield f"mkdir -p {users}"
    yield f"[ -s {old} ] || grep -H . {SAVED[family]} > {old}"
    yield f": > {users}/%i"
    if family == 6:
        # a host that got its own default route from a router advertisement keeps believing them
        yield (
            "for f in /proc/sys/net/ipv6/conf/*/accept_ra; do"
            ' [ "$(cat "$f")" != 1 ] || { echo 2 > "$f"; } 2>/dev/null || true; done'
        )
    path = "/proc/sys/" + SWITCH[family].replace(".", "/")
    # in a container the switch may be read-only, and on
    yield f'[ "$(cat {path})" = 1 ] || sysctl -q -w {SWITCH[family]}=1'


def switch_back(family: int) -> Iterator[str]:
    """The lines that put it back when the last user goes."""
    users, old = f"{STATE}/forward{family}", f"{STATE}/forward{family}.old"
    yield f"rm -f {users}/%i"
    # first what each value is to become, because the switch changes the others; what is no longer
    # as we left it stays as somebody wanted it
    wanted = (
        'while IFS=: read -r f v; do n="$(cat "$f" 2>/dev/null)" || continue; case "$f=$n" in'
        ' *forward=1|*forwarding=1|*/accept_ra=2|*redirects=*) echo "$f:$v";;'
        f' *) echo "$f:$n";; esac; done < {old} > {old}.new'
    )
    write = (
        'while IFS=: read -r f v; do [ "$(cat "$f")" = "$v" ] || echo "$v" > "$f" || true;'
        f" done < {old}.new"
    )
    yield (
        f"if rmdir {users} 2>/dev/null; then if {_somebody_else(family)};"
        ' then echo "forwarding stays on, because others here may rely on it" >&2;'
        f" else {wanted}; {write}; fi; rm -f {old} {old}.new; fi"
    )


def _somebody_else(family: int) -> str:
    """Docker, libvirt and their like, another tunnel, a rule that is there because packets pass.
    Nobody tells the kernel that they rely on the switch; what `meshc down` looks at is the same
    (`meshc.node.system.forwarding_users`). No `grep -q`: it would end a pipe early, which counts
    as a failure in wg-quick."""
    seen = ">/dev/null 2>&1"
    save = IPTABLES[family].removesuffix(" -w") + "-save"
    return (
        "{ { ip -o link show type wireguard; ip -o link show type tun; ip -o link | grep -E"
        " '^[0-9]+: (docker|br-|virbr|lxcbr|lxdbr|incusbr|podman|cni|vmbr)' || true; } 2>/dev/null"
        f" | grep -v ': %i:' {seen}"
        f" || {save} 2>/dev/null | grep -v -e MESHC- -e ESTABLISHED -e '-[io] %i '"
        f" | grep -E -e '-A FORWARD .*-j ACCEPT' -e '-j (MASQUERADE|SNAT|DNAT|NETMAP)' {seen}"
        " || nft list ruleset inet 2>/dev/null | grep -v 'ct state'"
        f" | grep -E '(^|[[:space:]])(masquerade|snat|dnat)([[:space:]]|$)' {seen}; }}"
    )
