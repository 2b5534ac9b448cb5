"""The rules of a NAT router as nft(8) text: what RFC 3489 section 5 calls the four kinds of NAT.

Linux gives two of them by itself: `masquerade` keeps the source port, whatever the destination,
and lets in only what answers (port restricted cone); `masquerade fully-random` takes a new
port for each destination (symmetric). The other two need a memory of mappings. `cone` is filled
after source NAT, where the packet already carries its external port, and lets anybody in at that
port (full cone); `seen` adds whom the host has written to, by address alone (restricted cone).

IPv6 has no NAT: a stateful firewall lets answers in, and what the user opened.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from meshc.topology.language.spec import Nat

# What home routers keep a UDP mapping for; RFC 4787 REQ-5 asks for two minutes at least.
MAPPING_TIMEOUT = "2m"


class Inside(NamedTuple):
    """A host behind the router. `external` None means the router's own address;
    `port` None means that the host's ports are kept (where the kind keeps ports)."""

    address: str
    nat: Nat
    external: str | None = None
    port: int | None = None


class Forward(NamedTuple):
    """A fixed mapping of one UDP port. `opened` lets anybody in; else only answers come back."""

    external: str
    external_port: int
    inside: str
    inside_port: int
    opened: bool = True


class Pinhole(NamedTuple):
    """An IPv6 address and UDP port that the firewall lets anybody reach; port 0 means all."""

    address: str
    port: int


class Router(NamedTuple):
    """All that decides the rules of one router. Hosts that are not in `inside` are port restricted;
    `open_hosts` are IPv4 addresses inside that are public themselves (no NAT, no filter). One that
    `accepts` lets strangers' packets in to itself, and so remembers them."""

    wan: str
    lan: str
    inside: tuple[Inside, ...] = ()
    forwards: tuple[Forward, ...] = ()
    pinholes: tuple[Pinhole, ...] = ()
    open_hosts: tuple[str, ...] = ()
    accepts: bool = False

    def of_kind(self, kind: Nat) -> tuple[str, ...]:
        return tuple(host.address for host in self.inside if host.nat is kind)


def router_rules(router: Router) -> str:
    """The whole rule set of the router's namespace, for `nft -f`; replaces what was there."""
    return "\n".join(
        [
            "flush ruleset",
            "table ip nat {",
            *_memory(router),
            *_chain("prerouting", "nat hook prerouting priority dstnat", _inbound(router)),
            *_chain("postrouting", "nat hook postrouting priority srcnat", _outbound(router)),
            *_chain("learn", "filter hook postrouting priority 150", _learn(router)),
            "}",
            "table inet firewall {",
            *_chain("input", "filter hook input priority filter", _input(router)),
            *_chain("forward", "filter hook forward priority filter", _forward(router)),
            "}",
            "",
        ]
    )


def rebound(rules: str, wan: str, low: int, high: int) -> str:
    """`rules` of a router that has restarted: hosts get other external UDP ports than they ask
    for, between `low` and `high`. Fixed mappings stay."""
    fixed = [line for line in rules.splitlines() if " snat to " in line and " udp sport " in line]
    kept = sorted({line.split(" ip saddr ")[1].split()[0] for line in fixed})
    who = f"ip saddr != {_set(kept)} " if kept else ""
    moved = f'    oifname "{wan}" {who}ip protocol udp masquerade to :{low}-{high}'
    head = "    type nat hook postrouting priority srcnat"
    return rules.replace(head, f"{head}\n{moved}")


def loss_rules(losses: Sequence[tuple[str, float]]) -> str:
    """Random loss for kernels without netem: (interface, percent) pairs, both directions."""
    rules = []
    for interface, percent in losses:
        share = round(percent * 100)
        for side in ("iifname", "oifname"):
            chance = f"numgen random mod 10000 < {share} " if share < 10_000 else ""
            rules.append(f'{side} "{interface}" {chance}drop')
    chain = _chain("forward", "filter hook forward priority filter", rules)
    return "\n".join(["table inet loss {", *chain, "}", ""])


def _memory(router: Router) -> list[str]:
    life = f"size 65535; flags dynamic,timeout; timeout {MAPPING_TIMEOUT};"
    lines = [
        f"  map {kind.value} {{ type inet_service : ipv4_addr . inet_service; {life} }}"
        for kind in CONES
        if router.of_kind(kind)
    ]
    if router.of_kind(Nat.RESTRICTED):
        lines.append(f"  set seen {{ type inet_service . ipv4_addr; {life} }}")
    return lines


def _chain(name: str, hook: str, rules: Sequence[str]) -> list[str]:
    return [f"  chain {name} {{", f"    type {hook}", *(f"    {rule}" for rule in rules), "  }"]


def _inbound(router: Router) -> list[str]:
    """Destination NAT: fixed mappings first (also from the LAN: hairpin), then the learnt ones."""
    rules = [
        f"ip daddr {f.external} udp dport {f.external_port} dnat to {f.inside}:{f.inside_port}"
        for f in router.forwards
        if f.opened
    ]
    wan = f'iifname "{router.wan}"'
    if router.of_kind(Nat.RESTRICTED):
        rules.append(
            f"{wan} udp dport . ip saddr @seen dnat ip to udp dport map @{Nat.RESTRICTED.value}"
        )
    if router.of_kind(Nat.FULL_CONE):
        rules.append(f"{wan} dnat ip to udp dport map @{Nat.FULL_CONE.value}")
    return rules


def _outbound(router: Router) -> list[str]:
    wan = f'oifname "{router.wan}"'
    rules = [
        f"{wan} ip saddr {f.inside} udp sport {f.inside_port} "
        f"snat to {f.external}:{f.external_port}"
        for f in router.forwards
    ]
    if router.open_hosts:
        rules.append(f"{wan} ip saddr {_set(router.open_hosts)} accept")
    for host in router.inside:
        rules.append(f"{wan} ip saddr {host.address} {_translate(host)}")
    rules.append(f"{wan} masquerade")
    # Hairpin: a host that went round through the external address must answer the same way.
    rules.append(f'oifname "{router.lan}" ct status dnat masquerade')
    return rules


def _translate(host: Inside) -> str:
    if host.port is not None:
        where = f"snat to {host.external}" if host.external else "masquerade to "
        return f"ip protocol udp {where}:{host.port}"
    verb = f"snat to {host.external}" if host.external else "masquerade"
    return f"{verb} fully-random" if host.nat is Nat.SYMMETRIC else verb


def _learn(router: Router) -> list[str]:
    """Fills the memory of the cone kinds from packets that have passed source NAT."""
    rules = []
    for kind in CONES:
        hosts = router.of_kind(kind)
        if not hosts:
            continue
        who = f'oifname "{router.wan}" ip protocol udp ct original ip saddr {_set(hosts)}'
        if kind is Nat.RESTRICTED:
            rules.append(f"{who} update @seen {{ udp sport . ip daddr }}")
        origin = "ct original ip saddr . ct original proto-src"
        rules.append(f"{who} update @{kind.value} {{ udp sport : {origin} }}")
    return rules


def _input(router: Router) -> list[str]:
    """The router says nothing to strangers. An unsolicited packet must die before conntrack
    confirms it, or its entry would take the port of a mapping that is about to be made."""
    if router.accepts:
        return ["accept"]
    return [
        f'iifname != "{router.wan}" accept',
        "ct state established,related accept",
        "meta l4proto { icmp, icmpv6 } accept",
        "drop",
    ]


def _forward(router: Router) -> list[str]:
    rules = [
        f'iifname != "{router.wan}" accept',
        "ct state established,related accept",
        "ct status dnat accept",
    ]
    if router.open_hosts:
        rules.append(f"ip daddr {_set(router.open_hosts)} accept")
    for hole in router.pinholes:
        port = f" udp dport {hole.port}" if hole.port else ""
        rules.append(f"ip6 daddr {hole.address}{port} accept")
    return [*rules, "drop"]


def _set(items: Sequence[str]) -> str:
    return f"{{ {', '.join(items)} }}"


CONES = (Nat.FULL_CONE, Nat.RESTRICTED)
