"""The files of systemd-networkd, read back (systemd.netdev(5), systemd.network(5))."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from meshc.keys import PresharedKey, PrivateKey, PublicKey
from meshc.prefixes import InterfaceAddress, Prefix
from meshc.topology.proof.output_readers.hook_runs import HookRuns, read_hook_runs
from meshc.topology.proof.output_readers.ini_sections import IniSection, read_sections, valued
from meshc.topology.proof.output_readers.output_reading import (
    OWN,
    OutputError,
    OutputReading,
    table_name,
)
from meshc.wg.conf import Conf, PeerConf
from meshc.wg.endpoint import Endpoint

_VALID_MARK = "sysctl -q net.ipv4.conf.all.src_valid_mark=1"
_KNOWN = {
    "NetDev": {"Name", "Kind", "MTUBytes", "Description"},
    "WireGuard": {"PrivateKey", "PrivateKeyFile", "ListenPort", "FirewallMark", "RouteTable"},
    "WireGuardPeer": {
        "PublicKey",
        "PresharedKey",
        "AllowedIPs",
        "Endpoint",
        "PersistentKeepalive",
        "RouteTable",
    },
    "Match": {"Name"},
    "Link": {"RequiredForOnline", "ActivationPolicy", "MTUBytes"},
    "Network": {"LinkLocalAddressing", "IPv6AcceptRA", "Address", "DNS", "Domains", "Description"},
    "Route": {"Destination", "Table"},
    "RoutingPolicyRule": {
        "Family", "Table", "SuppressPrefixLength", "Priority", "InvertRule", "FirewallMark",
    },
}  # fmt: skip
_TRUE = ("yes", "true", "1", "on")
_FAMILIES = {"ipv4": 4, "ipv6": 6}


def read_networkd(files: Mapping[str, str]) -> OutputReading:
    """`files` by their names. Raises: OutputError for what networkd would not take."""
    netdev_file, netdev = _one(files, ".netdev")
    network_file, network = _one(files, ".network")
    device = _section(netdev, "NetDev", netdev_file)
    guard = _section(netdev, "WireGuard", netdev_file)
    link = _merged(network, "Link")
    name = device.last("Name")
    if device.last("Kind") != "wireguard":
        raise OutputError(f"{netdev_file}: Kind is not wireguard")
    script = next((file for file in files if file.endswith(".sh")), None)
    runs = read_hook_runs(files[script], script, name) if script else HookRuns()
    sections = [s for s in netdev if s.name == "WireGuardPeer"]
    peers = tuple(_peer(section, netdev_file) for section in sections)
    mark = valued(_number, guard.last("FirewallMark", "0"), "mark", netdev_file)
    addressed = _merged(network, "Network")
    domains = " ".join(addressed.every("Domains")).split()
    valid_mark = _VALID_MARK in runs.pre_up[:1]
    key, port = guard.last("PrivateKey"), guard.last("ListenPort")
    mtu = link.last("MTUBytes") or device.last("MTUBytes")
    conf = Conf(
        file=netdev_file,
        private_key=valued(PrivateKey.parse, key, "private key", netdev_file) if key else None,
        addresses=_addresses(addressed, network_file),
        listen_port=valued(int, port, "port", netdev_file) if port else None,
        fwmark=mark or None,
        mtu=valued(int, mtu, "MTU", netdev_file) if mtu else None,
        dns=tuple(" ".join(addressed.every("DNS")).split()),
        search=tuple(word for word in domains if word != "~."),
        pre_up=runs.pre_up[valid_mark:],
        post_up=runs.post_up,
        pre_down=runs.pre_down,
        post_down=runs.post_down,
        rules=runs.rules,
        peers=peers,
    )
    return OutputReading(
        conf=conf,
        interface=name,
        routes=frozenset(_routes(network, network_file, guard, sections, peers, mark)),
        key_file=guard.last("PrivateKeyFile") or None,
        exclusive="~." in domains,
        valid_mark=valid_mark,
        faults=tuple(_faults(files, network, name, link, script)),
        unknown=tuple(_unknown(netdev, netdev_file)) + tuple(_unknown(network, network_file)),
    )


def _addresses(section: IniSection, file: str) -> tuple[InterfaceAddress, ...]:
    words = section.every("Address")
    return tuple(valued(InterfaceAddress.parse, word, "address", file) for word in words)


def _faults(
    files: Mapping[str, str],
    network: Iterable[IniSection],
    name: str,
    link: IniSection,
    script: str | None,
) -> Iterator[str]:
    """Why the link would not come up, or come up before its rules."""
    if _merged(network, "Match").last("Name") != name:
        yield f"have a .network that is not for {name}"
    policy = link.last("ActivationPolicy", "up")
    if script is None:
        if policy != "up":
            yield f"leave the link down (ActivationPolicy={policy}): nothing else brings it up"
        return
    if policy != "manual":
        yield "let the link come up before its hooks have run (no ActivationPolicy=manual)"
    unit = files.get(script.removesuffix(".sh") + ".service", "")
    starts = {line.strip() for line in unit.split("\n")}
    # systemd.unit(5): all but letters, digits and `:_.` is escaped, and a dot in front
    escaped = re.sub(r"[^A-Za-z0-9:_.]|^\.", lambda found: f"\\x{ord(found[0]):02x}", name)
    device = f"sys-subsystem-net-devices-{escaped}.device"
    place = f"/bin/bash /etc/systemd/network/{script}"
    for line in (
        f"ExecStart={place} up",
        f"ExecStop={place} down",
        "Type=oneshot",
        "RemainAfterExit=yes",
        f"BindsTo={device}",
        f"WantedBy={device}",
    ):
        if line not in starts:
            yield f"lack `{line}` in the unit of the hooks"


def _routes(
    network: Iterable[IniSection],
    file: str,
    guard: IniSection,
    sections: Iterable[IniSection],
    peers: Iterable[PeerConf],
    mark: int,
) -> Iterator[tuple[str, Prefix]]:
    """[Route] sections, and what `RouteTable` makes of AllowedIPs."""
    own = _own_families(network, mark)
    made: list[tuple[str, Prefix]] = []
    for section in network:
        if section.name == "Route":
            where = valued(Prefix.parse, section.last("Destination"), "prefix", file)
            made.append((table_name(section.last("Table", "main")), where))
    for section, peer in zip(sections, peers, strict=True):
        table = section.last("RouteTable") or guard.last("RouteTable", "off")
        if table not in ("off", "no", "false", "0"):
            made += [(table_name(table), prefix) for prefix in peer.allowed_ips]
    for table, prefix in made:
        kept = table == str(mark) and prefix.family in own
        yield (OWN if kept else table), prefix


def _own_families(network: Iterable[IniSection], mark: int) -> set[int]:
    """Families in which what has no mark looks into the table of that number, behind routes of the
    main table that are no default."""
    kept: dict[int, int] = {}
    caught: dict[int, int] = {}
    for rule in network:
        if rule.name != "RoutingPolicyRule":
            continue
        family = _FAMILIES.get(rule.last("Family", "ipv4"), 0)
        priority = valued(int, rule.last("Priority", "0"), "priority", "a routing policy rule")
        if rule.last("SuppressPrefixLength") == "0" and rule.last("Table") in ("254", "main"):
            if not rule.last("FirewallMark") and not rule.last("InvertRule"):
                kept[family] = priority
        elif (
            rule.last("InvertRule") in _TRUE
            and mark
            and rule.last("FirewallMark") == rule.last("Table") == str(mark)
        ):
            caught[family] = priority
    return {
        family for family in kept.keys() & caught.keys() if kept[family] < caught[family] < 32766
    }


def _peer(section: IniSection, file: str) -> PeerConf:
    place = f"{file}:{section.line}"
    psk, endpoint = section.last("PresharedKey"), section.last("Endpoint")
    keepalive = section.last("PersistentKeepalive")
    allowed = ",".join(section.every("AllowedIPs")).split(",")
    return PeerConf(
        valued(PublicKey.parse, section.last("PublicKey"), "public key", place),
        valued(PresharedKey.parse, psk, "pre-shared key", place) if psk else None,
        tuple(
            valued(Prefix.parse, word.strip(), "prefix", place) for word in allowed if word.strip()
        ),
        valued(Endpoint.parse, endpoint, "endpoint", place) if endpoint else None,
        valued(_number, keepalive, "keepalive", place) if keepalive else None,
        "",
        section.line,
    )


def _unknown(sections: Iterable[IniSection], file: str) -> Iterator[str]:
    for section in sections:
        known = _KNOWN.get(section.name)
        if known is None:
            yield f"{file}: section [{section.name}] in line {section.line}"
            continue
        yield from (f"{file}: {setting}" for setting in section.others(known))


def _one(files: Mapping[str, str], ending: str) -> tuple[str, list[IniSection]]:
    found = [name for name in files if name.endswith(ending)]
    if len(found) != 1:
        raise OutputError(f"there are {len(found)} {ending} files, where one is needed")
    return found[0], read_sections(files[found[0]], found[0])


def _section(sections: Iterable[IniSection], name: str, file: str) -> IniSection:
    found = _merged(sections, name)
    if not found.line:
        raise OutputError(f"{file}: it has no section [{name}]")
    return found


def _merged(sections: Iterable[IniSection], name: str) -> IniSection:
    """systemd reads sections of one name as one, where they are no list."""
    same = [section for section in sections if section.name == name]
    entries = [entry for section in same for entry in section.entries]
    return IniSection(name, entries, same[0].line if same else 0)


def _number(text: str) -> int:
    return 0 if text == "off" else int(text, 0)
