"""What wg-quick(8) adds beside a default route, so that nothing goes around the tunnel. Pure.

Packets to the tunnel's own addresses must come out of the tunnel (else a neighbour on the LAN
could talk to them, CVE-2019-14899), and answers to WireGuard's packets must carry its mark, so
that strict reverse-path filtering finds the right table.
"""

from __future__ import annotations

from collections.abc import Iterable

from meshc.node.change import Change
from meshc.node.fact_set import FactSet
from meshc.node.system.firewall import Chain, FirewallLoad, TableLoad
from meshc.prefixes import InterfaceAddress

_NFT_WORD = {4: "ip", 6: "ip6"}


def guards(
    families: Iterable[int], mark: int, addresses: Iterable[InterfaceAddress], facts: FactSet
) -> tuple[Change, ...]:
    """One change a family: an own nftables table where there is nft, else own iptables chains;
    nothing where there is neither (wg-quick(8) does the same)."""
    found: list[Change] = []
    for family in families:
        own = sorted({address.address for address in addresses if address.family == family})
        if facts.has_nft:
            found.append(nft_guard(facts.interface, family, mark, own))
        elif family in facts.firewall and facts.firewall[family].program:
            found.append(_iptables_guard(facts, family, mark, own))
    return tuple(found)


def table_name(interface: str) -> str:
    """A name that nft's grammar takes without quotes, one for each interface."""
    return "meshc-" + "".join(
        c if c.isalnum() or c in ".-" else f"_{ord(c):02x}" for c in interface
    )


def nft_guard(interface: str, family: int, mark: int, addresses: Iterable[str]) -> TableLoad:
    """The rules as an own table; the priorities are those of raw and mangle."""
    word = _NFT_WORD[family]
    drops = "".join(
        f'    iifname != "{interface}" {word} daddr {address} fib saddr type != local drop\n'
        for address in addresses
    )
    return TableLoad(
        family,
        table_name(interface),
        "  chain preraw {\n    type filter hook prerouting priority -300;\n"
        + drops
        + "  }\n  chain premangle {\n    type filter hook prerouting priority -150;\n"
        "    meta l4proto udp meta mark set ct mark\n"
        "  }\n  chain postmangle {\n    type filter hook postrouting priority -150;\n"
        f"    meta l4proto udp mark {mark} ct mark set mark\n  }}\n",
    )


def _iptables_guard(facts: FactSet, family: int, mark: int, addresses: list[str]) -> Change:
    name = facts.interface
    have = facts.firewall[family]
    bits = {4: 32, 6: 128}[family]
    drops = tuple(
        f"! -i {name} -d {address}/{bits} -m addrtype ! --src-type LOCAL -j DROP"
        for address in addresses
    )
    chains = (
        Chain("raw", f"MESHC-RAW-{name}", "PREROUTING", drops),
        Chain("mangle", f"MESHC-PRE-{name}", "PREROUTING", ("-p udp -j CONNMARK --restore-mark",)),
        Chain(
            "mangle",
            f"MESHC-POST-{name}",
            "POSTROUTING",
            (f"-p udp -m mark --mark {mark} -j CONNMARK --save-mark",),
        ),
    )
    made = tuple(sorted({chain.table for chain in chains} - have.tables()))
    return FirewallLoad(family, have.program, tuple(chains), made)
