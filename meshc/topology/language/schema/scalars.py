"""The kinds of values of the language: each reads one scalar and says in plain words what
it expected instead.

What is wrong is raised as a `Mistake`; `fields.py` finds all of a section at once and knows
where they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from meshc.diagnostics import CODES
from meshc.errors import KeyFormatError, PrefixFormatError
from meshc.keys import PublicKey
from meshc.prefixes import InterfaceAddress, parse_address
from meshc.topology.language.wording import describe, listing, quote, suggest

# wg-quick(8): "INTERFACE ... must match [a-zA-Z0-9_=+.-]{1,15}"; a leading '-' would be an option
INTERFACE = re.compile(r"(?!-)(?!\.{1,2}\Z)[a-zA-Z0-9_=+.-]{1,15}\Z")
# a name becomes a directory, a host name and a comment; RFC 1035 section 2.3.4: 63 octets
NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?\Z")
NAME_PATTERN = r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$"
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\Z")  # RFC 1123 section 2.1
_TABLE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}\Z")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}\Z")


class WrittenEndpoint(NamedTuple):
    """An endpoint as the file gives it; `port` is 0 when it gives none."""

    host: str
    port: int
    family: int | None


class Mistake(Exception):
    """What is wrong with one value: the code of its diagnostic, a sentence, a hint."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


def expected(what: str, value: Any, hint: str = "") -> Mistake:
    """A value of another kind than it should be."""
    return Mistake("E112", f"expected {what}, got {describe(value)}", hint)


def text(value: Any) -> str:
    """Any text on one line."""
    if type(value) is not str:
        hint = "put it in quotes." if isinstance(value, int | float) else ""
        raise expected("a text", value, hint)
    return one_line(value)


def one_line(value: str) -> str:
    """Refuses what would start a new line or end the line in a configuration file."""
    value = value.strip()
    if not value:
        raise Mistake("E112", "expected a text, got an empty one", "leave the line out instead.")
    if not value.isprintable():
        raise Mistake(
            "E120",
            f"{quote(value)} holds a line break or control character",
            "write it on one line.",
        )
    if len(value) > 4096:
        raise Mistake("E120", f"a text of {len(value):,} characters", "the limit is 4,096.")
    return value


def code(value: Any) -> str:
    """The code of a warning."""
    word = text(value)
    if word not in CODES or word[0] != "W":
        known = word in CODES
        hint = "errors are mended, and remarks need no consent." if known else ""
        hint = hint or suggest(word, [one for one in CODES if one[0] == "W"])
        raise Mistake("E113", f"{quote(word)} is not the code of a warning", hint)
    return word


def setting(value: Any) -> str:
    """A text that is written into a wg-quick file as it stands."""
    line = text(value)
    if "#" in line:
        raise Mistake(
            "E120",
            f"{quote(line)} holds a `#`: wg-quick cuts the line there",
            "put the command into a script and call that.",
        )
    return line


def boolean(value: Any) -> bool:
    if type(value) is not bool:
        word = value.casefold() if isinstance(value, str) else ""
        answer = {"yes": "true", "on": "true", "no": "false", "off": "false"}.get(word, "")
        raise expected(
            "true or false", value, f"write {answer}: YAML 1.2 reads {word} as text." * bool(answer)
        )
    return value


def integer(low: int, high: int, what: str = "a number") -> Callable[[Any], int]:
    """A whole number within bounds; `true` is not one."""

    def read(value: Any) -> int:
        if type(value) is not int:
            quoted = isinstance(value, str) and value.strip().isdecimal()
            raise expected(what, value, "remove the quotes." * quoted)
        if not low <= value <= high:
            raise Mistake("E114", f"{str(value)[:40]} is not between {low} and {high}")
        return value

    return read


def choice(*words: str, **aliases: str) -> Callable[[Any], str]:
    """One of a few words."""

    def read(value: Any) -> str:
        if type(value) is not str:
            raise expected(f"one of {listing(words, 'or')}", value)
        word = aliases.get(value, value)
        if word not in words:
            raise Mistake(
                "E113",
                f"{quote(value)} is not one of {listing(words, 'or')}",
                suggest(value, (*words, *aliases)),
            )
        return word

    return read


def name(value: Any) -> str:
    """The name of a node, site, group or network."""
    if type(value) is not str:
        raise expected("a name", value, "put a name that looks like a number in quotes.")
    fault = name_fault(value)
    if fault:
        raise Mistake("E115", f"{quote(value)} cannot be a name: {fault}", NAME_HINT)
    return value


NAME_HINT = "names become file and host names: letters, digits, `-`, `_` and `.`, 63 at most."


def name_fault(value: str) -> str:
    """Why `value` is not a name, or empty text."""
    if not value:
        return "it is empty"
    if len(value) > 63:
        return f"it has {len(value)} characters"
    if ".." in value:
        return "it has two dots in a row"
    if not NAME.match(value):
        if not re.match(r"[A-Za-z0-9]", value) or not re.search(r"[A-Za-z0-9]\Z", value):
            return "it must begin and end with a letter or digit"
        wrong = sorted({c for c in value if not re.match(r"[A-Za-z0-9._-]", c)})
        return f"it holds {quote(wrong[0])}"
    return ""


def interface(value: Any) -> str:
    if type(value) is not str:
        raise expected("an interface name", value)
    if not INTERFACE.match(value):
        raise Mistake(
            "E115",
            f"{quote(value)} cannot be an interface name",
            "1 to 15 of letters, digits and `_=+.-`, as Linux and wg-quick(8) allow.",
        )
    return value


def host_fault(host: str) -> str:
    """Why `host` is not a DNS name, or empty text."""
    if not host.isascii():
        return "it is not ASCII; write its `xn--` form"
    labels = host.rstrip(".").split(".")
    if len(host) > 253:
        return "it is longer than 253 characters"
    if all(label.isdecimal() for label in labels) and host:
        return "it is neither an IPv4 address nor a host name"
    if labels[-1].isdecimal():
        return "its last part is a number, so it reads as an address"
    if not all(_LABEL.match(label) for label in labels):
        return "host names have letters, digits and `-` between dots"
    return ""


def dns_name(value: Any) -> str:
    host = text(value)
    fault = host_fault(host)
    if fault:
        raise Mistake("E117", f"{quote(host)} is not a domain name: {fault}")
    return host.rstrip(".").lower()


def address_or_domain(value: Any) -> str:
    """A `dns` entry of wg-quick(8): a server's address, or a search domain."""
    word = text(value)
    try:
        return str(parse_address(word))
    except PrefixFormatError:
        if host_fault(word):
            raise Mistake(
                "E117",
                f"{quote(word)} is neither an address nor a search domain",
                "wg-quick takes the addresses of name servers, and domains to search.",
            ) from None
        return word


def prefix(value: Any) -> InterfaceAddress:
    """An address with a length; the host bits are kept so that a remark can be made."""
    if type(value) is not str:
        raise expected("a prefix such as 10.44.0.0/24", value, "put it in quotes.")
    try:
        return InterfaceAddress.parse(value)
    except PrefixFormatError as error:
        raise Mistake("E117", str(error), "write it as 10.44.0.0/24 or fd44::/64.") from None


def routed_prefix(value: Any) -> InterfaceAddress:
    found = prefix(value)
    if found.length == 0:
        raise Mistake(
            "E117",
            f"{quote(value)} is the whole internet",
            "a node that offers a default route says `exit_node: true`.",
        )
    return found


def endpoint(value: Any) -> WrittenEndpoint:
    """`host`, `host:port`, `1.2.3.4:port` or `[v6]:port`."""
    if type(value) is not str:
        raise expected("a host or host:port", value, "put it in quotes.")
    word = one_line(value)
    if "://" in word:
        bare = quote(word.partition("://")[2].rstrip("/"))
        raise Mistake("E118", f"{quote(word)}: an endpoint is no URL", f"write {bare}.")
    if word[0] == "[":
        return _bracketed(word)
    if word.count(":") > 1:
        try:
            parse_address(word)
            hint = f'write "[{word}]", with brackets and quotes.'
        except PrefixFormatError:
            hint = 'an IPv6 endpoint is written "[2001:db8::7]:51820".'
        raise Mistake("E118", f"{quote(word)} is an IPv6 address without brackets", hint)
    host, colon, port = word.partition(":")
    number = _port(word, port) if colon else 0
    try:
        return WrittenEndpoint(str(parse_address(host)), number, 4)
    except PrefixFormatError:
        pass
    fault = "the host is missing" if not host else host_fault(host)
    if "/" in word:
        fault = "an endpoint has no `/`"
    if fault:
        raise Mistake("E118", f"{quote(word)}: {fault}", "write host, host:port or [IPv6]:port.")
    return WrittenEndpoint(host.rstrip(".").lower(), number, None)


def _bracketed(word: str) -> WrittenEndpoint:
    host, bracket, rest = word[1:].partition("]")
    if not bracket or (rest and rest[0] != ":"):
        raise Mistake(
            "E118",
            f"{quote(word)}: the `]` is missing or followed by more than a port",
            'write "[2001:db8::7]:51820".',
        )
    try:
        address = parse_address(host)
    except PrefixFormatError as error:
        raise Mistake("E118", f"{quote(word)}: {error}") from None
    if address.version == 4:
        raise Mistake("E118", f"{quote(word)}: brackets are for IPv6", f"write {address}{rest}.")
    return WrittenEndpoint(str(address), _port(word, rest[1:]) if rest else 0, 6)


def _port(word: str, port: str) -> int:
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 1 <= int(port) <= 65535):
        raise Mistake("E118", f"{quote(word)}: a port is a number from 1 to 65535")
    return int(port)


def public_key(value: Any) -> PublicKey:
    """The key's text is never repeated: it might be a private key put here by mistake."""
    if type(value) is not str:
        raise expected("a public key", value)
    try:
        key = PublicKey.parse(value)
    except KeyFormatError as error:
        raise Mistake("E119", str(error), "`meshc keys list` and `wg pubkey` print it.") from None
    if not any(key.raw):
        raise Mistake("E119", "the key is all zeros", "wg(8) reads that as no key.")
    return key


def mtu(value: Any) -> int | None:
    """A number, or None for `auto`. RFC 791: every host takes 576 bytes."""
    if value == "auto" and isinstance(value, str):
        return None
    return integer(576, 65535, "a number of bytes or `auto`")(value)


def keepalive(value: Any) -> int:
    """Seconds; 0 and `off` switch it off, as in wg(8)."""
    if value == "off" and isinstance(value, str):
        return 0
    return integer(0, 65535, "a number of seconds or `off`")(value)


def table(value: Any) -> str | None:
    """`off`, a number or a name of /etc/iproute2/rt_tables; None for `auto`."""
    if type(value) is int:
        return str(integer(1, 0xFFFFFFFF)(value))
    word = text(value)
    if not _TABLE.match(word):
        raise Mistake(
            "E113",
            f"{quote(word)} is not a routing table",
            "write auto, off, a number or a name from rt_tables.",
        )
    return None if word == "auto" else word


def fwmark(value: Any) -> int:
    """A 32-bit mark; 0 and `off` mean none. Hexadecimal is accepted, as in wg(8)."""
    if isinstance(value, str):
        word = value.strip()
        if word == "off":
            return 0
        if re.fullmatch(r"0x[0-9a-fA-F]{1,8}", word):
            return int(word, 16)
    return integer(0, 0xFFFFFFFF, "a number or `off`")(value)


def user(value: Any) -> str:
    word = text(value)
    if not _USER.match(word):
        raise Mistake("E115", f"{quote(word)} cannot be a user name")
    return word


def login_host(value: Any) -> str:
    """A host for SSH: a DNS name, an address, or an alias of ssh_config; never an option."""
    word = text(value)
    try:
        return str(parse_address(word.strip("[]")))
    except PrefixFormatError:
        pass
    if not NAME.match(word) and host_fault(word):
        raise Mistake(
            "E117",
            f"{quote(word)} is not a host",
            "write a name, an address or an alias of ssh_config; the port goes to `port`.",
        )
    return word


def engine(value: Any) -> str:
    word = text(value)
    if word in ("auto", "kernel", "bundled") or word.startswith("/"):
        return word
    hint = suggest(word, ("auto", "kernel", "bundled"))
    raise Mistake("E113", f"{quote(word)} is not auto, kernel, bundled or an absolute path", hint)


def absolute_path(value: Any) -> str:
    word = setting(value)
    if not word.startswith("/"):
        raise Mistake(
            "E113",
            f"{quote(word)} is not an absolute path",
            "wg-quick runs in no particular directory.",
        )
    return word
