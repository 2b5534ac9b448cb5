"""The drift of a running interface from the file that it was brought up with, whoever did that.

What `meshc status` sees on the machine itself, seen by a program that is sent there: keys are
compared here, and none leaves the node. What cannot be known (a tool that is not there) is no
drift: a plan that restarts a node for nothing would be worse.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import os
import re
import stat
import time
from collections.abc import Iterator
from typing import NamedTuple

from meshc.deploy.machine_facts import Drift, Mending
from meshc.deploy.remote.base import read
from meshc.deploy.remote.caretaker import text_of
from meshc.deploy.remote.conf_lines import rule_comments, sections, settings
from meshc.deploy.remote.machine_survey import ipv6_is_on, objects, shown
from meshc.deploy.remote.managed_interface import ManagedInterface
from meshc.deploy.remote.running_firewall import firewall_drift
from meshc.deploy.remote.x25519 import public_of

_SESSION = 180  # seconds; a peer with a session may be elsewhere than the file says
_NONE = ("(none)", "off", "")
_SWITCHES = {
    "4": "/proc/sys/net/ipv4/ip_forward",
    "6": "/proc/sys/net/ipv6/conf/all/forwarding",
}
_LINK_LOCAL = "fe80::"
_FORWARDS = re.compile(r": > /run/meshc/forward([46])/%i")


class _Peer(NamedTuple):
    """A peer as `wg show dump` has it. Its pre-shared key is never shown."""

    psk: str
    endpoint: str
    allowed: frozenset[str]
    handshake: int
    keepalive: str

    def __repr__(self) -> str:
        return f"_Peer(endpoint={self.endpoint!r}, handshake={self.handshake})"


def drift(interface: ManagedInterface) -> tuple[Drift, ...]:
    """In the order of the file."""
    conf = text_of(interface)
    head, *peers = sections(conf) or [""]
    if not conf or not peers:
        return ()
    found = [*_file(interface, conf), *_interface(interface, head)]
    found += [
        *_peers(interface, peers),
        *_routes(interface, head, peers),
        *_firewall(interface, head),
    ]
    return tuple(found)


def _file(interface: ManagedInterface, conf: str) -> Iterator[Drift]:
    mode = stat.S_IMODE(os.stat(interface.conf).st_mode)
    if mode & 0o077 and settings(conf, "PrivateKey"):
        yield Drift(Mending.FILE, f"others can read the file with its key (mode {mode:o})")


def _interface(interface: ManagedInterface, head: str) -> Iterator[Drift]:
    key, port, mark = _device(interface)
    said = settings(head, "PrivateKey")
    if said and key and key != _public(said[-1]):
        yield Drift(Mending.PEERS, "the interface runs with another key than its file says")
    for name, now in (("ListenPort", port), ("FwMark", mark)):
        wanted = settings(head, name)
        if wanted and now and _number(wanted[-1]) != _number(now):
            yield Drift(Mending.PEERS, f"{name} {wanted[-1]} (now {now})")
    for link in objects(["ip", "-j", "addr", "show", "dev", interface.name])[:1]:
        if "UP" not in link.get("flags", ["UP"]):
            yield Drift(Mending.ALL, "the interface is set down")
        mtu = settings(head, "MTU")
        if mtu and link.get("mtu") != _number(mtu[-1]):
            yield Drift(Mending.ALL, f"MTU {mtu[-1]} (now {link.get('mtu')})")
        there = {_address(f"{a.get('local')}/{a.get('prefixlen')}") for a in link["addr_info"]}
        listed = ",".join(settings(head, "Address")).split(",")
        for address in filter(None, map(_address, listed)):
            if address not in there and _usable(address):
                yield Drift(Mending.ALL, f"address {address} (not there)")


def _device(interface: ManagedInterface) -> tuple[str, str, str]:
    """Public key, port and mark as they are; empty words where nobody says."""
    words = shown(["wg", "show", interface.name, "dump"]).partition("\n")[0].split("\t")
    return (words[1], words[2], words[3]) if len(words) == 4 else ("", "", "")


def _peers(interface: ManagedInterface, wanted: list[str]) -> Iterator[Drift]:
    there = {}
    for line in shown(["wg", "show", interface.name, "dump"]).splitlines()[1:]:
        key, psk, endpoint, allowed, handshake, _, _, keepalive = line.split("\t")[:8]
        prefixes = frozenset(one for one in allowed.split(",") if one not in _NONE)
        there[key] = _Peer(psk, endpoint, prefixes, int(handshake), keepalive)
    named = {}
    moves = _agent_moves(interface)
    for section in wanted:
        key = (settings(section, "PublicKey") or [""])[-1]
        named[key] = section
        if key in there:
            yield from _peer(_title(section, key), section, there[key], moves)
        else:
            yield Drift(Mending.PEERS, f"peer {_title(section, key)} is not there")
    for key in sorted(set(there) - set(named)):
        yield Drift(Mending.PEERS, f"peer {key} is not in the file")


def _agent_moves(interface: ManagedInterface) -> frozenset[str]:
    """The prefixes that an agent moves from peer to peer, and the keys of its partners, whose
    session it keeps alive: what `meshc.node.agent_moves` reads on the machine itself."""
    try:
        facts = json.loads(read(interface.node_json) or "{}")
        section = facts.get("agent", {}) if facts.get("interface") == interface.name else {}
        partners = section.get("partners", ())
        others = (one["prefixes"] for one in (*section.get("leaves", ()), *partners))
        moving = {prefix for some in (section.get("moving", ()), *others) for prefix in some}
        return frozenset((*map(_network, moving), *(one["public_key"] for one in partners)))
    except (ValueError, LookupError, TypeError, AttributeError):
        return frozenset()


def _peer(name: str, section: str, now: _Peer, moves: frozenset[str]) -> Iterator[Drift]:
    psk = (settings(section, "PresharedKey") or ["(none)"])[-1]
    if psk != now.psk:
        yield Drift(Mending.PEERS, f"pre-shared key of {name}")
    keepalive = (settings(section, "PersistentKeepalive") or ["off"])[-1]
    partner = (settings(section, "PublicKey") or [""])[-1] in moves
    differs = (keepalive in (*_NONE, "0")) != (now.keepalive in _NONE) or (
        now.keepalive not in _NONE and keepalive != now.keepalive
    )
    if differs and not partner:
        yield Drift(Mending.PEERS, f"keepalive {keepalive} of {name} (now {now.keepalive})")
    allowed = {_network(one) for one in ",".join(settings(section, "AllowedIPs")).split(",")} - {""}
    moved = (one for one in allowed ^ now.allowed if one not in moves)
    if not all(one.startswith(_LINK_LOCAL) for one in moved):
        yield Drift(Mending.PEERS, f"allowed IPs of {name}")
    for endpoint in settings(section, "Endpoint")[-1:]:
        literal = _address(endpoint.rpartition(":")[0].strip("[]"))
        if literal and endpoint != now.endpoint and time.time() - now.handshake > _SESSION:
            yield Drift(Mending.PEERS, f"endpoint {endpoint} of {name} (now {now.endpoint})")


def _routes(interface: ManagedInterface, head: str, peers: list[str]) -> Iterator[Drift]:
    """What the file routes into the tunnel and nothing leads there; a wider route of the interface
    is enough, as it is for wg-quick."""
    if (settings(head, "Table") or ["auto"])[-1] == "off":
        return
    there = []
    for family in ("-4", "-6"):
        found = objects(
            ["ip", "-j", family, "route", "show", "table", "all", "dev", interface.name]
        )
        for route in found:
            text = str(route.get("dst", "")).replace(
                "default", "0.0.0.0/0" if family == "-4" else "::/0"
            )
            if _network(text):
                there.append(ipaddress.ip_network(text, strict=False))
    listed = ",".join(one for peer in peers for one in settings(peer, "AllowedIPs")).split(",")
    for prefix in dict.fromkeys(filter(None, map(_network, listed))):
        wanted = ipaddress.ip_network(prefix)
        if not _usable(prefix) or (wanted.prefixlen == 0 and not there):
            continue
        if not any(one.version == wanted.version and wanted.subnet_of(one) for one in there):  # type: ignore[arg-type]
            mending = Mending.ALL if wanted.prefixlen == 0 else Mending.PEERS
            yield Drift(mending, f"route {prefix} into the tunnel (not there)", prefix)


def _firewall(interface: ManagedInterface, head: str) -> Iterator[Drift]:
    """Forwarding is on, and our chains are there."""
    lines = settings(head, "PreUp", "PostUp")
    for line in lines:
        forwards = _FORWARDS.fullmatch(line)
        path = _SWITCHES[forwards.group(1)] if forwards else ""
        if path and (read(path) or b"1").strip() != b"1":
            yield Drift(Mending.ALL, f"{path} is 0, and the node forwards")
    yield from firewall_drift(lines, interface.name, rule_comments(head))


def _public(private: str) -> str:
    return base64.b64encode(public_of(base64.b64decode(private))).decode()


def _number(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        return 0


def _address(text: str) -> str:
    """In its usual spelling, with its length; empty for what is none."""
    try:
        return str(ipaddress.ip_interface(text.strip()))
    except ValueError:
        return ""


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text.strip(), strict=False))
    except ValueError:
        return ""


def _usable(prefix: str) -> bool:
    """Not IPv6 where the machine has none."""
    return ":" not in prefix or ipv6_is_on()


def _title(section: str, key: str) -> str:
    named = re.search(r"(?m)^# Name = (.+)$", section)
    return named.group(1) if named else key
