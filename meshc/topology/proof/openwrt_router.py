"""An OpenWrt router, from the uci settings that its script makes.

The order of fw4's forward chain: what belongs to a known connection passes; then rules that begin
in any zone; then the `forwarding` sections of the packet's zone, its rules and its policy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from meshc.errors import ConfError, PrefixFormatError
from meshc.keys import PresharedKey, PrivateKey, PublicKey
from meshc.prefixes import InterfaceAddress, Prefix
from meshc.topology.proof.expectation import literal_family
from meshc.topology.proof.fw4_include import include, written_files
from meshc.topology.proof.iptables_rule import TUNNEL, Rule
from meshc.topology.proof.netfilter import Firewall
from meshc.topology.proof.router_script import RouterScript, parsed
from meshc.topology.proof.uci_settings import UciSection, read_settings
from meshc.wg.conf import Conf, PeerConf
from meshc.wg.endpoint import Endpoint

_ANY_ZONE = "*"
_KNOWN = frozenset(("ESTABLISHED", "RELATED"))
_FAMILIES = {"ipv4": (4,), "ipv6": (6,)}
# What may stand in a section without making it depend on more than the proof knows.
_MODELLED = frozenset(
    ("name", "family", "proto", "src", "dest", "src_ip", "dest_ip", "target", "enabled", "log")
)


def read(text: str, file: str) -> RouterScript:
    """Raises: ConfError for a value that no router would take, or without an interface."""
    sections = read_settings(text)
    interface = next(
        (s for s in sections if s.config == "network" and s.get("proto") == "wireguard"), None
    )
    if interface is None:
        raise ConfError("this script makes no WireGuard interface", file=file, line=1)
    peers = [s for s in sections if s.kind == f"wireguard_{interface.name}"]
    routed = [s for s in peers if s.get("route_allowed_ips") == "1"]
    by_allowed = len(routed) == len(peers)
    routes = () if by_allowed else [p for s in routed for p in _prefixes(s, "allowed_ips", file)]
    return RouterScript(
        _conf(interface, [_peer(s, file) for s in peers], file, "" if by_allowed else "off"),
        _firewall(
            [s for s in sections if s.config == "firewall"], interface.name, written_files(text)
        ),
        tuple(routes),
    )


def _conf(section: UciSection, peers: list[PeerConf], file: str, table: str) -> Conf:
    line = section.line
    key = section.get("private_key")
    port, mtu = section.get("listen_port"), section.get("mtu")
    return Conf(
        file=file,
        private_key=parsed(PrivateKey.parse, key, "private key", file, line) if key else None,
        addresses=tuple(
            parsed(InterfaceAddress.parse, word, "address", file, line)
            for word in section.words("addresses")
        ),
        listen_port=parsed(int, port, "port", file, line) if port else None,
        mtu=parsed(int, mtu, "MTU", file, line) if mtu else None,
        dns=tuple(word for word in section.words("dns") if literal_family(word)),
        search=section.words("dns_search"),
        table=table or None,
        peers=tuple(peers),
    )


def _peer(section: UciSection, file: str) -> PeerConf:
    line = section.line
    psk, host = section.get("preshared_key"), section.get("endpoint_host")
    keepalive = section.get("persistent_keepalive")
    port = section.get("endpoint_port", "51820")
    return PeerConf(
        parsed(PublicKey.parse, section.get("public_key"), "public key", file, line),
        parsed(PresharedKey.parse, psk, "pre-shared key", file, line) if psk else None,
        tuple(_prefixes(section, "allowed_ips", file)),
        Endpoint(host, parsed(int, port, "port", file, line)) if host else None,
        parsed(int, keepalive, "keepalive", file, line) if keepalive else None,
        section.get("description"),
        line,
    )


def _prefixes(section: UciSection, option: str, file: str) -> Iterator[Prefix]:
    for word in section.words(option):
        yield parsed(Prefix.parse, word, "prefix", file, section.line)


def _firewall(
    sections: list[UciSection], network: str, files: Mapping[str, Sequence[str]]
) -> Firewall:
    """A router forwards by nature, in both families."""
    firewall = Firewall(network, {4, 6})
    enabled = [s for s in sections if s.get("enabled", "1") != "0"]
    zones = {
        s.get("name"): s for s in enabled if s.kind == "zone" and network in s.words("network")
    }
    rules = [s for s in enabled if s.kind == "rule" and s.get("dest")]
    anywhere = [s for s in rules if s.get("src") in ("", _ANY_ZONE)]
    of_zone = [s for s in rules if s not in anywhere]
    known = Rule("ACCEPT", "what was let through before", states=_KNOWN)
    for family in (4, 6):
        forward = firewall.chains[family, "filter", "FORWARD"] = [known]
        forward += [_rule(s, zones) for s in anywhere if family in _families(s)]
        forward += [_rule(s, zones, "ACCEPT") for s in enabled if s.kind == "forwarding"]
        forward += [_rule(s, zones) for s in of_zone if family in _families(s)]
        forward += [_within(s) for s in zones.values()]
        firewall.chains[family, "nat", "POSTROUTING"] = [
            _nat(s, zones) for s in enabled if s.kind == "nat" and family in _families(s)
        ]
        for hook, option in (("INPUT", "input"), ("OUTPUT", "output")):
            closed = [z for z in zones.values() if z.get(option, "REJECT").upper() != "ACCEPT"]
            if closed:
                firewall.chains[family, "filter", hook] = [
                    known,
                    *(_at_the_zone(zone, option) for zone in closed),
                ]
    for section in enabled:
        if section.kind == "include":
            include(firewall.chains, section, files)
    return firewall


def _families(section: UciSection) -> tuple[int, ...]:
    return _FAMILIES.get(section.get("family"), (4, 6))


def _rule(section: UciSection, zones: Iterable[str], target: str = "") -> Rule:
    return _matching(
        section,
        target or section.get("target").upper(),
        way_in=_way(section.get("src"), zones),
        way_out=_way(section.get("dest"), zones),
    )


def _nat(section: UciSection, zones: Iterable[str]) -> Rule:
    """`src` of a nat section is the zone that the packet leaves through."""
    return _matching(section, section.get("target").upper(), "", _way(section.get("src"), zones))


def _matching(section: UciSection, target: str, way_in: str, way_out: str) -> Rule:
    proto = section.get("proto", "all" if section.kind in ("nat", "forwarding") else "tcp udp")
    source, known_source = _one_prefix(section, "src_ip")
    destination, known_destination = _one_prefix(section, "dest_ip")
    shown = (f"{key} {' '.join(value)}" for key, value in section.options.items())
    return Rule(
        target,
        f"{section.kind} {section.name}: " + ", ".join(shown),
        way_in,
        way_out,
        source,
        destination,
        modelled=_MODELLED.issuperset(section.options)
        and proto in ("all", "any", "*")
        and known_source
        and known_destination,
    )


def _within(zone: UciSection) -> Rule:
    """The zone's policy: it is for packets that stay in the zone."""
    policy = zone.get("forward", "REJECT").upper()
    return Rule(policy, f"zone {zone.get('name')}: forward {policy}", TUNNEL, TUNNEL)


def _at_the_zone(zone: UciSection, option: str) -> Rule:
    """What the router itself gets from the zone (`input`) or sends into it (`output`)."""
    policy = zone.get(option, "REJECT").upper()
    text = f"zone {zone.get('name')}: {option} {policy}"
    way_in, way_out = (TUNNEL, "") if option == "input" else ("", TUNNEL)
    return Rule(policy, text, way_in, way_out)


def _way(zone: str, tunnel: Iterable[str]) -> str:
    if zone in ("", _ANY_ZONE):
        return ""
    return TUNNEL if zone in tunnel else zone


def _one_prefix(section: UciSection, option: str) -> tuple[Prefix | None, bool]:
    """(the prefix, whether the proof knows what the option means)."""
    words = section.words(option)
    if not words:
        return None, True
    try:
        return Prefix.parse(words[0]), len(words) == 1
    except PrefixFormatError:
        return None, False
