"""An own UDP port, opened in a chain of our own before the rules of others, as hook lines.

In nftables a chain of ours can accept nothing that another drops. There (`firewall: nftables`) one
rule of ours goes to the front of each chain that filters what arrives, known by its comment, and
is taken out again by it.
"""

from __future__ import annotations

from meshc.render.firewall.hook_lines import HookChain, Hooks, remove_chain, table_command

IN_CHAIN = "MESHC-PORT-%i"
_OFF = "/proc/sys/net/ipv6/conf/all/disable_ipv6"
# a kernel without IPv6 has no rules for it
_WHERE_THERE_IS = {4: "", 6: f'[ "$(cat {_OFF} 2>/dev/null || echo 1)" = 1 ] || '}


def open_chain(port: int) -> HookChain:
    """The same in both families. What comes out of the tunnel is not its matter: policies are."""
    rule = f"! -i %i -p udp -m udp --dport {port} -j ACCEPT"
    return HookChain("filter", IN_CHAIN, "INPUT", (rule,))


def open_port_hooks(port: int, *, nft: bool = False) -> Hooks:
    """All lines of both families; `nft` for a host without iptables."""
    if nft:
        return Hooks((_TAKEN_OUT,), (_put_in(port),), post_down=(_TAKEN_OUT,))
    chain = open_chain(port)
    up: list[str] = []
    removals: list[str] = []
    for family in (4, 6):
        command, there = table_command(family, chain.table), _WHERE_THERE_IS[family]
        removals.append(remove_chain(command, chain.hook, chain.name))
        up += [f"{there}{command}-N {chain.name}"]
        up += [f"{there}{command}-A {chain.name} {rule}" for rule in chain.rules]
        up += [f"{there}{command}-I {chain.hook} -j {chain.name}"]
    return Hooks(pre_up=tuple(removals), post_up=tuple(up), post_down=tuple(removals))


def _put_in(port: int) -> str:
    """A table that its owner keeps to itself (firewalld's) takes no rule of others, and says so."""
    rule = f'iifname != \\"%i\\" udp dport {port} accept comment \\"{IN_CHAIN}\\"'
    return (
        f"nft list chains | awk '{_WHERE} /type filter hook input/ && own != 1"
        f' {{ print "insert rule", table, chain, "{rule}" }}\''
        ' | while read -r rule; do nft "$rule" || true; done'
    )


_WHERE = (
    '/^table (inet|ip|ip6) / { table = $2 " " $3; own = $3 ~ /^meshc-/ }'
    " /^table (arp|bridge|netdev) / { own = 1 }"
    ' $1 == "chain" { chain = $2 }'
)
_TAKEN_OUT = (
    f'nft -a list ruleset 2>/dev/null | awk \'{_WHERE} /comment "{IN_CHAIN}"/ && own != 1'
    ' { print "delete rule", table, chain, "handle", $NF }\''
    ' | while read -r rule; do nft "$rule"; done || true'
)
