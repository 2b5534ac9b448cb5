"""An own UDP port, opened in a chain of our own before the rules of others, as hook lines."""

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


def open_port_hooks(port: int) -> Hooks:
    """All lines of both families."""
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
