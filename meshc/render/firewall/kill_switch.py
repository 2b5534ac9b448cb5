"""A kill switch as hook lines: what is not for the tunnel does not leave in clear text.

Two guards stand behind the rules that wg-quick(8) makes for a default route, and neither needs the
other. A route: when the interface goes, so do its routes, and the last one of its table says
*unreachable*. A chain in OUTPUT: when the rules of the routing are flushed, it lets out WireGuard's
own packets (by their mark), and packets for private networks, which are the place where the node
is. wg-quick(8) lifts both on the way down, and nothing else does. With `firewall: nftables` the
chain is one of an own table of nft, for a host that has no iptables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshc.prefixes import Prefix
from meshc.render.firewall.hook_lines import HookChain, Hooks, remove_chain, table_command

KILL_CHAIN = "MESHC-KILL-%i"
KILL_TABLE = "meshc-kill-%i"
METRIC = 4278198272
"""Behind every route that anybody makes on purpose."""
NEIGHBOURS = {
    4: ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "224.0.0.0/4",
        "255.255.255.255/32"),
    6: ("fe80::/10", "fc00::/7", "ff00::/8"),
}  # fmt: skip
"""Private and link-local networks, and what is sent to all of them."""
_OFF = "/proc/sys/net/ipv6/conf/all/disable_ipv6"
# a kernel without IPv6 lets none of it out, and has no rules for it
WHERE_THERE_IS = {4: "", 6: f'[ "$(cat {_OFF} 2>/dev/null || echo 1)" = 1 ] || '}


def kill_chain(family: int, mark: int, pools: Iterable[Prefix]) -> HookChain:
    """The chain of one family. Addresses of the network itself are no neighbours."""
    inside = [f"-d {pool} -j REJECT" for pool in pools if pool.family == family]
    outside = [f"-d {prefix} -j RETURN" for prefix in NEIGHBOURS[family]]
    rules = ("-o lo -j RETURN", "-o %i -j RETURN", f"-m mark --mark {mark} -j RETURN")
    return HookChain("filter", KILL_CHAIN, "OUTPUT", (*rules, *inside, *outside, "-j REJECT"))


def kill_table(mark: int, pools: Iterable[Prefix]) -> tuple[str, ...]:
    """The same as statements of one nft chain, for both families."""
    word = {4: "ip", 6: "ip6"}
    inside = (f"{word[pool.family]} daddr {pool} reject" for pool in pools)
    outside = (f"{word[f]} daddr {{ {', '.join(some)} }} return" for f, some in NEIGHBOURS.items())
    own = ('oifname "lo" return', 'oifname "%i" return', f"meta mark {mark} return")
    head = "type filter hook output priority 0; policy accept"
    return (head, *own, *inside, *outside, "reject")


def kill_switch_hooks(
    mark: int, pools: Iterable[Prefix], *, named: bool, nft: bool = False
) -> Hooks:
    """All lines. `named`: an endpoint is a host name, which a start must look up while there is no
    tunnel; what an earlier run left behind would forbid it. `nft`: for a host without iptables."""
    networks = tuple(pools)
    up: list[str] = []
    before: list[str] = []
    down: list[str] = []
    for family in (4, 6):
        route = f"ip -{family} route del {closing_route(mark)} 2>/dev/null || true"
        there = WHERE_THERE_IS[family]
        up.append(f"{there}ip -{family} route replace {closing_route(mark)}")
        if not nft:
            chain = kill_chain(family, mark, networks)
            command = table_command(family, chain.table)
            up += [there + line for line in _made(command, chain)]
            removed = remove_chain(command, chain.hook, chain.name)
            before.append(removed)
            down.append(removed)
        before += [route] if named else []
        down.append(route)
    if nft:
        removed = f"nft delete table inet {KILL_TABLE} 2>/dev/null || true"
        statements = "; ".join(kill_table(mark, networks))
        up.append(f"nft 'table inet {KILL_TABLE} {{ chain output {{ {statements}; }}; }}'")
        before.append(removed)
        down.append(removed)
    return Hooks(pre_up=tuple(before), post_up=tuple(up), post_down=tuple(down))


def _made(command: str, chain: HookChain) -> Iterator[str]:
    yield f"{command}-N {chain.name}"
    for rule in chain.rules:
        yield f"{command}-A {chain.name} {rule}"
    yield f"{command}-I {chain.hook} -j {chain.name}"


def closing_route(mark: int) -> str:
    """The last route of a table: nothing goes on to the default route of the place."""
    return f"unreachable default metric {METRIC} table {mark}"
