"""A keyfile of NetworkManager, read back (nm-settings-keyfile(5))."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from meshc.keys import PresharedKey, PrivateKey, PublicKey
from meshc.prefixes import InterfaceAddress, Prefix
from meshc.topology.proof.output_readers.ini_sections import IniSection, read_sections, valued
from meshc.topology.proof.output_readers.output_reading import (
    OWN,
    OutputError,
    OutputReading,
    table_name,
)
from meshc.wg.conf import Conf, PeerConf
from meshc.wg.endpoint import Endpoint

_PEER = "wireguard-peer."
_ADDRESSES = tuple(f"address{number}" for number in range(1, 20))
_IP = {"method", "dns", "dns-search", "dns-priority", "route-table", *_ADDRESSES}
_KNOWN = {
    "connection": {"id", "uuid", "type", "interface-name", "autoconnect"},
    "wireguard": {
        "private-key", "private-key-flags", "mtu", "listen-port", "fwmark", "peer-routes",
        "ip4-auto-default-route", "ip6-auto-default-route",
    },
    "ipv4": _IP,
    "ipv6": _IP,
}  # fmt: skip
_PEER_KEYS = {
    "preshared-key", "preshared-key-flags", "endpoint", "persistent-keepalive", "allowed-ips",
}  # fmt: skip
_TRUE = ("true", "yes", "1")


def read_keyfile(files: Mapping[str, str]) -> OutputReading:
    """`files` by their names, of which there is one. Raises: OutputError for what NetworkManager
    would not take."""
    if len(files) != 1:
        raise OutputError(f"there are {len(files)} files, where one is needed")
    ((file, text),) = files.items()
    sections = read_sections(text, file)
    by_name = {section.name: section for section in sections}
    if len(by_name) < len(sections):
        raise OutputError(f"{file}: a section stands there twice")
    connection, guard, four, six = (
        by_name.get(name, IniSection(name, [], 0))
        for name in ("connection", "wireguard", "ipv4", "ipv6")
    )
    if connection.last("type") != "wireguard":
        raise OutputError(f"{file}: its type is not wireguard")
    key = guard.last("private-key") if guard.last("private-key-flags", "0") == "0" else ""
    peers = tuple(_peer(s, file) for s in sections if s.name.startswith(_PEER))
    mark, mtu, port = (guard.last(word) for word in ("fwmark", "mtu", "listen-port"))
    dns = [*_list(four, "dns"), *_list(six, "dns")]
    search = list(dict.fromkeys([*_list(four, "dns-search"), *_list(six, "dns-search")]))
    priorities = {s.last("dns-priority", "0") for s in (four, six) if s.last("dns")}
    conf = Conf(
        file=file,
        private_key=valued(PrivateKey.parse, key, "private key", file) if key else None,
        addresses=tuple(_addresses(four, file)) + tuple(_addresses(six, file)),
        listen_port=valued(int, port, "port", file) if port else None,
        fwmark=valued(_number, mark, "mark", file) if mark else None,
        mtu=valued(int, mtu, "MTU", file) if mtu else None,
        dns=tuple(dns),
        search=tuple(word for word in search if word != "~"),
        peers=peers,
    )
    return OutputReading(
        conf=conf,
        interface=connection.last("interface-name"),
        routes=frozenset(_routes(guard, {4: four, 6: six}, peers)),
        exclusive="~" in search and all(value.startswith("-") for value in priorities),
        faults=tuple(_faults(connection, guard, four, six)),
        unknown=tuple(_unknown(sections)),
    )


def _faults(
    connection: IniSection, guard: IniSection, four: IniSection, six: IniSection
) -> Iterator[str]:
    if connection.last("autoconnect", "true") not in _TRUE:
        yield "do not bring the connection up after a boot (autoconnect is off)"
    if guard.last("mtu") == "0":
        yield "make no routes, as the MTU is 0"
    for section in (four, six):
        method = section.last("method", "auto")
        wanted = "manual" if section.last("address1") else "disabled"
        if method != wanted:
            yield f"have the method {method} in [{section.name}], not {wanted}"


def _routes(
    guard: IniSection, families: Mapping[int, IniSection], peers: tuple[PeerConf, ...]
) -> Iterator[tuple[str, Prefix]]:
    """nm-settings(5): `peer-routes`, and default routes that WireGuard's packets do not follow."""
    if guard.last("peer-routes", "true") not in _TRUE:
        return
    for prefix in (prefix for peer in peers for prefix in peer.allowed_ips):
        section = families[prefix.family]
        table = section.last("route-table", "0")
        # -1, the default: as if 1 where a peer has a default route
        own = guard.last(f"ip{prefix.family}-auto-default-route", "-1") in ("-1", "1")
        if not prefix.length and own and table == "0":
            yield OWN, prefix
        else:
            yield ("main" if table == "0" else table_name(table)), prefix


def _peer(section: IniSection, file: str) -> PeerConf:
    place = f"{file}:{section.line}"
    psk = section.last("preshared-key") if section.last("preshared-key-flags") == "0" else ""
    endpoint, keepalive = section.last("endpoint"), section.last("persistent-keepalive")
    return PeerConf(
        valued(PublicKey.parse, section.name.removeprefix(_PEER), "public key", place),
        valued(PresharedKey.parse, psk, "pre-shared key", place) if psk else None,
        tuple(
            valued(Prefix.parse, word, "prefix", place) for word in _list(section, "allowed-ips")
        ),
        valued(Endpoint.parse, endpoint, "endpoint", place) if endpoint else None,
        valued(int, keepalive, "keepalive", place) if keepalive else None,
        "",
        section.line,
    )


def _addresses(section: IniSection, file: str) -> Iterator[InterfaceAddress]:
    for key in _ADDRESSES:
        word = section.last(key)
        if word:
            yield valued(InterfaceAddress.parse, word, "address", file)


def _unknown(sections: list[IniSection]) -> Iterator[str]:
    for section in sections:
        known = _PEER_KEYS if section.name.startswith(_PEER) else _KNOWN.get(section.name)
        if known is None and section.entries:
            yield f"section [{section.name}] in line {section.line}"
        elif known is not None:
            yield from section.others(known)


def _list(section: IniSection, key: str) -> list[str]:
    return [word for word in section.last(key).replace(",", ";").split(";") if word]


def _number(text: str) -> int:
    return int(text, 0)
