"""What holds IPv6 back at the user of an exit in a network that has none, as hook lines.

Such a node sends everything to its exit, and the network has no address from which IPv6 could be
sent there. A route `::/0` into the tunnel would keep it from leaving beside, but wg-quick(8) gives
up at it where the kernel has IPv6 switched off. So the rules that wg-quick makes for a default
route are made here, for a table whose only route is *unreachable*: programs are told at once and
take IPv4, networks that the machine is in stay, and it also holds for IPv6 that is switched on
later. As with wg-quick, answers to WireGuard's own packets get its mark (where there is nft):
a strict reverse-path filter, such as firewalld's, would find no way to their sender otherwise.
"""

from __future__ import annotations

from meshc.render.firewall.hook_lines import Hooks
from meshc.render.firewall.kill_switch import closing_route

HOLD_TABLE = "meshc-hold-%i"
# a kernel that was started without IPv6 has no such rules, and needs none
_THERE_IS = "[ ! -e /proc/net/if_inet6 ] || "


def ipv6_hold_hooks(mark: int) -> Hooks:
    """All lines. Each rule has the mark in it, so that no other tunnel's is taken away with it."""
    closed = closing_route(mark)
    rules = (f"not fwmark {mark} table {mark}", f"not fwmark {mark} {_BETTER}")
    gone = tuple(f"ip -6 rule del {rule} 2>/dev/null || true" for rule in rules)
    nft = f"nft delete table ip6 {HOLD_TABLE} 2>/dev/null || true"
    return Hooks(
        pre_up=gone,
        post_up=(
            f"{_THERE_IS}ip -6 route replace {closed}",
            *(f"{_THERE_IS}ip -6 rule add {rule}" for rule in rules),
            f"nft 'table ip6 {HOLD_TABLE} {{ {_marks(mark)} }}' 2>/dev/null || true",
        ),
        post_down=(*gone, f"ip -6 route del {closed} 2>/dev/null || true", nft),
    )


_BETTER = "table main suppress_prefixlength 0"


def _marks(mark: int) -> str:
    """The chains in which wg-quick(8) keeps and restores the mark."""
    return (
        "chain premangle { type filter hook prerouting priority -150; "
        "meta l4proto udp meta mark set ct mark; }; "
        "chain postmangle { type filter hook postrouting priority -150; "
        f"meta l4proto udp meta mark {mark} ct mark set meta mark; }};"
    )
