"""Every kind of value that a key of the language can take, with its JSON Schema."""

from __future__ import annotations

import re
from typing import Any

from meshc.errors import PrefixFormatError
from meshc.prefixes import InterfaceAddress
from meshc.topology.language.schema import quantities as q
from meshc.topology.language.schema import scalars as s
from meshc.topology.language.schema.fields import ValueKind, comma_list, many, one
from meshc.topology.language.schema.recipients import recipient
from meshc.topology.language.spec import Output, Service
from meshc.topology.language.wording import quote


def _line_list(value: Any) -> list[Any]:
    """A list, or one text: commands hold commas."""
    if isinstance(value, str):
        return [value]
    if type(value) is not list:
        raise s.expected("a command or a list of commands", value)
    return value


def _direct(value: Any) -> list[Any]:
    """`all`, `relays`, `none`, or names."""
    if isinstance(value, str) and value in ("all", "relays", "none"):
        return [f"={value}"]
    return comma_list(value)


def _direct_item(value: Any) -> str:
    return value if isinstance(value, str) and value[:1] == "=" else s.name(value)


def _via_test(value: Any) -> list[Any]:
    return [] if value == "direct" and isinstance(value, str) else comma_list(value)


def _is_prefix(word: str) -> bool:
    try:
        InterfaceAddress.parse(word)
    except PrefixFormatError:
        return False
    return True


def _policy_end(value: Any) -> str:
    """A name, the LANs behind one (`office:lan`), an address or a prefix."""
    word = s.text(value)
    head, _, lan = word.rpartition(":")
    known = (lan == "lan" and not s.name_fault(head)) or not s.name_fault(word)
    if not known and not _is_prefix(word):
        hint = "for example: a node, a group, a site, `nas:lan`, 192.168.7.0/24, all, internet."
        raise s.Mistake("E117", f"{quote(word)} is neither a name nor an address", hint)
    return word


def _service(value: Any) -> Service:
    """`all`, `icmp`, `tcp`, `tcp/443`, `udp/8000-8100`."""
    if isinstance(value, int) and not isinstance(value, bool):
        raise s.Mistake("E178", f"{value} has no protocol", f"write tcp/{value} or udp/{value}.")
    word = s.text(value)
    protocol, slash, ports = word.partition("/")
    if protocol not in _PROTOCOLS or (slash and protocol not in ("tcp", "udp")):
        number = word.replace("-", "").isdigit()
        hint = f"write tcp/{word} or udp/{word}." if number else _SERVICES
        raise s.Mistake("E178", f"{quote(word)} is no service", hint)
    if not slash:
        return Service(protocol)
    low, dash, high = ports.partition("-")
    first, last = (int(p) if _PORT_TEXT.match(p) else 0 for p in (low, high if dash else low))
    if not 1 <= first <= last <= 65535:
        hint = "ports go from 1 to 65535, the lower one first: tcp/8000-8100."
        raise s.Mistake("E178", f"{quote(word)} has no such ports", hint)
    return Service(protocol, first, last)


def _none_or_name(value: Any) -> str | None:
    if value is True:
        hint = "name the exit node; a node that offers its own line says `exit_node: true`."
        raise s.expected("a name", value, hint)
    return None if value == "none" and isinstance(value, str) else s.name(value)


def _exception(value: Any) -> str | InterfaceAddress:
    """A word, or any prefix: `::/0` leaves a whole family out."""
    if isinstance(value, str) and not set("./:") & set(value):
        return s.choice(*EXCEPTION_WORDS)(value)
    return s.prefix(value)


def _bool_or_name(value: Any) -> bool | str:
    """`yes` and its kind are meant as a truth value, and told so."""
    if isinstance(value, str) and value.casefold() not in ("yes", "no", "on", "off"):
        return s.name(value)
    return s.boolean(value)


def _words(*words: str, **aliases: str) -> ValueKind:
    """One of a few words."""
    return one(s.choice(*words, **aliases), type="string", enum=[*words, *aliases])


_PROTOCOLS = ("all", "tcp", "udp", "icmp")
_SERVICES = "for example: tcp/443, tcp/8000-8100, udp/53, tcp, udp, icmp, all."
_PORT_TEXT = re.compile(r"[0-9]{1,5}\Z", re.ASCII)
_TEXT: dict[str, Any] = {"type": "string"}
_NAME: dict[str, Any] = {"type": "string", "pattern": s.NAME_PATTERN}
_PORT: dict[str, Any] = {"type": "integer", "minimum": 1, "maximum": 65535}
_SECONDS: dict[str, Any] = {"type": "integer", "minimum": 0, "maximum": 65535}
_BYTES: dict[str, Any] = {"type": "integer", "minimum": 576, "maximum": 65535}
_MARK: dict[str, Any] = {"type": "integer", "minimum": 0, "maximum": 0xFFFFFFFF}
_FAMILIES = ("ipv4", "ipv6")
_OUTPUTS = tuple(output.value for output in Output)
EXCEPTION_WORDS = (PRIVATE, OWN_LAN) = ("private", "own_lan")

SETTING = one(s.setting, **_TEXT)
ABSOLUTE_PATH = one(s.absolute_path, type="string", pattern="^/")
TEXT = one(s.text, **_TEXT)
CODE = one(s.code, type="string", pattern="^W[0-9]{3}$")
NAME = one(s.name, **_NAME)
BOOL = one(s.boolean, type="boolean")
DATE = one(q.date, type="string", format="date")
BOOL_OR_NAME = one(_bool_or_name, anyOf=[{"type": "boolean"}, _NAME])
PORT = one(s.integer(1, 65535, "a port number"), **_PORT)
KEEPALIVE = one(s.keepalive, anyOf=[_SECONDS, {"const": "off"}])
UNDERLAY = one(
    s.integer(1360, 65535, "a number of bytes, at least 1360 (IPv6's 1280 and 80 for the tunnel)"),
    type="integer",
    minimum=1360,
    maximum=65535,
)
MTU = one(s.mtu, anyOf=[{"const": "auto"}, _BYTES])
DOMAIN_NAME = one(s.dns_name, **_TEXT)
INTERFACE = one(s.interface, type="string", pattern="^[a-zA-Z0-9_=+.][a-zA-Z0-9_=+.-]{0,14}$")
PREFIXES = many(s.routed_prefix, _TEXT)
ADDRESSES = many(s.prefix, _TEXT)
ENDPOINTS = many(s.endpoint, _TEXT)
ONE_ENDPOINT = one(s.endpoint, **_TEXT)
NAMES = many(s.name, _NAME)
DNS = many(s.address_or_domain, _TEXT)
HOOKS = ValueKind(
    many(s.setting, _TEXT, _line_list).read, {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}
)
DIRECT = ValueKind(
    many(_direct_item, _NAME, _direct).read,
    {"anyOf": [{"enum": ["all", "relays", "none"]}, {"type": "array", "items": _NAME}, _TEXT]},
)
KEY = one(s.public_key, type="string", pattern="^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$")
TABLE = one(s.table, anyOf=[_TEXT, {"type": "integer", "minimum": 1}])
FWMARK = one(s.fwmark, anyOf=[_MARK, _TEXT])
EXIT = one(_none_or_name, **_NAME)
EXCEPTIONS = many(_exception, _TEXT)
ENDS = many(_policy_end, _TEXT)
SERVICES = many(_service, _TEXT)
ONE_SERVICE = one(_service, **_TEXT)
WHY = one(s.text, **_TEXT)
KEY_STORE = _words("plain", "age", "command")
RECIPIENTS = many(recipient, _TEXT)
RECIPIENT = one(recipient, **_TEXT)
FIREWALL = _words("auto", "iptables", "nftables")
TEST_VIA = many(s.name, _NAME, _via_test)
NAT = _words("none", "full_cone", "restricted", "port_restricted", "symmetric", "unknown")
ROLE = _words("peer", "relay", bounce="relay")
PLATFORM = _words("linux", "macos", "windows", "ios", "android", "openwrt", "routeros")
OUTPUTS = many(s.choice(*_OUTPUTS), {"type": "string", "enum": list(_OUTPUTS)})
EXPECT = _words("reachable", "unreachable")
SUPERVISOR = _words("auto", "wg-quick", "systemd", "meshc")
FAMILIES = many(s.choice(*_FAMILIES), {"type": "string", "enum": list(_FAMILIES)})
LOGIN_HOST = one(s.login_host, **_TEXT)
USER = one(s.user, **_TEXT)
ENGINE = one(s.engine, **_TEXT)
MILLISECONDS = one(
    q.quantity({"": 1, "ms": 1, "us": 0.001, "s": 1000}, "a time such as 20ms", 60_000),
    type=["string", "number"],
)
PERCENT = one(
    q.quantity({"": 1, "%": 1}, "a percentage such as 0.5%", 100), type=["string", "number"]
)
KILOBITS = one(
    q.quantity({"kbit": 1, "mbit": 1e3, "gbit": 1e6}, "a bandwidth such as 100mbit", 1e9), **_TEXT
)
