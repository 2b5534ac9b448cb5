"""A DNS query: one question for an address, and what of an answer may be believed (RFC 1035)."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

from meshc.errors import PrefixFormatError
from meshc.prefixes import parse_address

A, AAAA = 1, 28
_CNAME = 5
_INTERNET = 1
_RECURSION = 0x0100
_ANSWER, _TRUNCATED, _FAILED = 0x8000, 0x0200, 0x000F
_MOST_LABELS = 128
_LENGTH = {A: 4, AAAA: 16}


class _Damaged(Exception):
    """A message that ends too early or points in circles."""


def question(name: str, kind: int, identity: int) -> bytes | None:
    """The message that asks for the addresses of a name; None for one that cannot be a name."""
    try:
        labels = [label.encode("idna") for label in name.rstrip(".").split(".")]
    except UnicodeError:
        return None
    if not all(0 < len(label) < 64 for label in labels) or sum(map(len, labels)) > 240:
        return None
    text = b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
    return struct.pack("!6H", identity, _RECURSION, 1, 0, 0, 0) + text + struct.pack("!HH", kind, 1)


def addresses(data: bytes, asked: bytes) -> tuple[str, ...] | None:
    """The addresses in an answer to the question `asked`, aliases followed; none when the name
    has none. None for what is no whole answer to it: somebody else's, damaged, cut or refused."""
    try:
        return _addresses(data, asked)
    except (_Damaged, struct.error, IndexError):
        return None


def _addresses(data: bytes, asked: bytes) -> tuple[str, ...] | None:
    identity, flags, questions, answers = struct.unpack_from("!4H", data)
    name, at = _name(data, 12)
    wanted, end = _name(asked, 12)
    (kind,) = struct.unpack_from("!H", asked, end)
    mine = (
        identity == struct.unpack_from("!H", asked)[0]
        and flags & _ANSWER
        and questions == 1
        and name == wanted
        and data[at : at + 4] == asked[end : end + 4]
    )
    # 3 says that there is no such name: an answer as well
    if not mine or flags & _TRUNCATED or flags & _FAILED not in (0, 3):
        return None
    records = list(_records(data, at + 4, answers))
    aliases = {owner: _name(data, begin)[0] for owner, of, begin, _ in records if of == _CNAME}
    for _ in aliases:
        name = aliases.get(name, name)
    found = (
        data[begin : begin + size]
        for owner, of, begin, size in records
        if owner == name and of == kind and size == _LENGTH[kind]
    )
    return tuple(dict.fromkeys(filter(None, map(_text, found))))


def _records(data: bytes, at: int, count: int) -> Iterator[tuple[bytes, int, int, int]]:
    """Owner, kind, and where the value lies, of each record of the internet."""
    for _ in range(count):
        owner, at = _name(data, at)
        kind, group, _, size = struct.unpack_from("!HHIH", data, at)
        at += 10
        if at + size > len(data):
            raise _Damaged
        if group == _INTERNET:
            yield owner, kind, at, size
        at += size


def _name(data: bytes, at: int) -> tuple[bytes, int]:
    """A name in small letters, and where what follows it begins."""
    labels: list[bytes] = []
    end = 0
    for _ in range(_MOST_LABELS):
        size = data[at]
        if size >= 0xC0:
            end = end or at + 2
            at = (size & 0x3F) << 8 | data[at + 1]
        elif size:
            labels.append(data[at + 1 : at + 1 + size].lower())
            at += 1 + size
        else:
            return b".".join(labels), end or at + 1
    raise _Damaged


def _text(raw: bytes) -> str:
    """Empty for an address that no endpoint can have."""
    family = socket.AF_INET if len(raw) == 4 else socket.AF_INET6
    try:
        found = parse_address(socket.inet_ntop(family, raw))
    except PrefixFormatError:
        return ""
    return "" if found.is_unspecified or found.is_multicast else str(found)
