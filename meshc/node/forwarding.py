"""What a relay, router or exit needs: rules in own chains, and the kernel told to forward. Pure.

The rules are those that `meshc build` writes as hooks into the file for a stock wg-quick; here
the interface of the default route is known, and only what must forward is switched on.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshc.errors import NodeError
from meshc.node.fact_set import FactSet
from meshc.node.nodefile import ForwardingFacts
from meshc.node.system.firewall import Chain, FirewallLoad
from meshc.node.system.sysctl import SysctlSet
from meshc.prefixes import Prefix

SYSCTL_PATTERNS = (
    "net/ipv4/ip_forward",
    "net/ipv4/conf/*/forwarding",
    "net/ipv4/conf/*/accept_redirects",
    "net/ipv6/conf/*/forwarding",
    "net/ipv6/conf/*/accept_ra",
)
"""What forwarding reads, or changes as a side effect: the kernel switches redirects along with
`ip_forward`, and forwarding of every interface with either switch."""


def forward_chain(interface: str) -> str:
    """The own chain that FORWARD jumps to."""
    return f"MESHC-FWD-{interface}"


def nat_chain(interface: str) -> str:
    """The own chain that POSTROUTING of the nat table jumps to."""
    return f"MESHC-NAT-{interface}"


def firewall(wanted: ForwardingFacts, facts: FactSet) -> tuple[FirewallLoad, ...]:
    """One load a family. Raises: NodeError where there is no iptables."""
    loads = []
    for family in wanted.families if wanted.needed else ():
        have = facts.firewall.get(family)
        if have is None or not have.program:
            raise NodeError(
                f"this node forwards IPv{family} for others, which needs iptables",
                hint="install the iptables package",
            )
        chains = [
            Chain(
                "filter",
                forward_chain(facts.interface),
                "FORWARD",
                tuple(_filter_rules(wanted, facts, family)),
            )
        ]
        nat = tuple(_nat_rules(wanted, facts, family))
        if nat:
            chains.append(Chain("nat", nat_chain(facts.interface), "POSTROUTING", nat))
        made = tuple(sorted({chain.table for chain in chains} - have.tables()))
        loads.append(FirewallLoad(family, have.program, tuple(chains), made))
    return tuple(loads)


def sysctls(wanted: ForwardingFacts, facts: FactSet) -> tuple[SysctlSet, ...]:
    """IPv4 forwarding is decided per incoming interface, so only those that carry our traffic
    are switched on. IPv6 has one switch for all (ip6_forward), which also makes the kernel drop
    routes learned from router advertisements, unless accept_ra is 2 (ip-sysctl.rst)."""
    if not wanted.needed:
        return ()
    found: list[SysctlSet] = []
    if 4 in wanted.families:
        found.extend(_forward_v4(wanted, facts))
    if 6 in wanted.families:
        found.extend(_forward_v6(facts))
    return tuple(found)


def _filter_rules(wanted: ForwardingFacts, facts: FactSet, family: int) -> Iterator[str]:
    name = facts.interface
    if wanted.clamp_mss:
        for way in ("-i", "-o"):
            yield f"{way} {name} -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu"
    if wanted.relay:
        yield f"-i {name} -o {name} -j ACCEPT"
    for lan in _of(family, wanted.lans):
        yield f"-i {name} -d {lan} -j ACCEPT"
        yield f"-o {name} -s {lan} -j ACCEPT"
    wan = facts.default_route(family)
    if wanted.exit and wan is not None:
        yield f"-i {name} -o {wan.device} -j ACCEPT"
        yield f"-i {wan.device} -o {name} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
    # forwarding must not open more than was asked for: what else comes in from the mesh ends
    # here, but for connections that this host publishes itself (DNAT, as Docker does)
    yield f"-i {name} -m conntrack --ctstate DNAT -j RETURN"
    yield f"-i {name} -j DROP"


def _nat_rules(wanted: ForwardingFacts, facts: FactSet, family: int) -> Iterator[str]:
    lans = _of(family, wanted.lans)
    sources = _of(family, wanted.sources or wanted.pools)
    for lan in lans:
        if not wanted.masquerade:
            if wanted.exit:
                yield f"-d {lan} -j RETURN"
            continue
        for source in sources:
            if not lan.contains(source):
                yield f"-s {source} -d {lan} ! -o {facts.interface} -j MASQUERADE"
    wan = facts.default_route(family)
    if wanted.exit and wan is not None:
        for source in sources:
            if not any(lan.contains(source) for lan in lans):
                yield f"-s {source} -o {wan.device} -j MASQUERADE"


def _forward_v4(wanted: ForwardingFacts, facts: FactSet) -> Iterator[SysctlSet]:
    devices: list[str | None] = [facts.interface]
    devices += [facts.device_towards(lan) for lan in _of(4, wanted.lans)]
    if wanted.exit:
        wan = facts.default_route(4)
        devices.append(wan.device if wan else None)
    if None in devices:
        # the way to a LAN is not there yet: whatever interface it will be must forward
        yield _switch("net/ipv4/ip_forward", facts, "net/ipv4/conf/")
        return
    default = facts.sysctls.get("net/ipv4/conf/default/forwarding", "0")
    for device in sorted({one for one in devices if one}):
        key = f"net/ipv4/conf/{device}/forwarding"
        yield SysctlSet(key, "1", facts.sysctls.get(key, default))


def _forward_v6(facts: FactSet) -> Iterator[SysctlSet]:
    learned = {route.device for route in facts.routes if route.learned}
    for device in sorted(learned):
        key = f"net/ipv6/conf/{device}/accept_ra"
        if facts.sysctls.get(key) in ("1", "2"):
            yield SysctlSet(key, "2", facts.sysctls[key])
    yield _switch("net/ipv6/conf/all/forwarding", facts, "net/ipv6/conf/")


def _switch(key: str, facts: FactSet, family: str) -> SysctlSet:
    """A switch, with all that the kernel changes along with it."""
    others = tuple(
        (other, value)
        for other, value in sorted(facts.sysctls.items())
        if other.startswith(family)
        and other != key
        and other.endswith(("/forwarding", "/accept_redirects"))
    )
    return SysctlSet(key, "1", facts.sysctls.get(key, "0"), others)


def _of(family: int, prefixes: tuple[Prefix, ...]) -> list[Prefix]:
    return [prefix for prefix in prefixes if prefix.family == family]
