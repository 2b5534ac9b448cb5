"""wg-quick(8) files read back into values: the proof, the node backends and the importer use it.

Accepts what wg-quick and wg(8) accept: keys in any case, comments, several `Address`, `AllowedIPs`
and hook lines, comma-separated lists. What they refuse is a `ConfError` with its line; their one
oddity that is refused here as well is a service name for a port (`Endpoint = host:http`).

Theory of operation: `_Parser` reads any file line by line and is the definition. A full mesh of a
thousand nodes has a million [Peer] sections, but only some thousand different ones once the
pre-shared key is cut out, so `ConfReader` looks each section up among those it has already read
and asks `_Parser` for the rest. Whatever looks unusual goes to `_Parser` whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar, cast

from meshc.errors import ConfError, KeyFormatError, PrefixFormatError
from meshc.keys import PresharedKey, PrivateKey, PublicKey, decode_all
from meshc.prefixes import InterfaceAddress, Prefix, parse_address
from meshc.values import dataclass, field

_T = TypeVar("_T")


class HostPort(NamedTuple):
    """An endpoint as written: a host name or literal address (no brackets), and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class PeerConf(NamedTuple):
    """One [Peer] section. `name` comes from a `# Name = ...` comment and has no meaning.
    `host_bits` holds the AllowedIPs entries that were written with host bits set."""

    public_key: PublicKey
    preshared_key: PresharedKey | None
    allowed_ips: tuple[Prefix, ...]
    endpoint: HostPort | None
    keepalive: int | None
    name: str
    line: int
    host_bits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Conf:
    """One file. `table` is None (auto), 'off', or a number or name as text; `fwmark` 0 is off."""

    file: str = ""
    name: str = ""
    private_key: PrivateKey | None = None
    addresses: tuple[InterfaceAddress, ...] = ()
    listen_port: int | None = None
    fwmark: int | None = None
    mtu: int | None = None
    dns: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    table: str | None = None
    save_config: bool = False
    pre_up: tuple[str, ...] = ()
    post_up: tuple[str, ...] = ()
    pre_down: tuple[str, ...] = ()
    post_down: tuple[str, ...] = ()
    peers: tuple[PeerConf, ...] = ()


def parse(text: str, *, file: str = "") -> Conf:
    """Reads a whole file. Raises: ConfError at the first line that wg-quick would refuse."""
    return ConfReader().read(text, file=file)


_PSK_KEY = "\nPresharedKey = "
_KEY_TEXT = 44


class Section(NamedTuple):
    """A [Peer] section without its pre-shared key: its values, and how many lines it has."""

    key: PublicKey
    allowed_ips: tuple[Prefix, ...]
    endpoint: HostPort | None
    keepalive: int | None
    name: str
    host_bits: tuple[str, ...]
    newlines: int
    preshared: bool


@dataclass(frozen=True, slots=True)
class PeerTable:
    """The [Peer] sections of one file: `numbers` into `known`, the different ones of all files that
    its reader has read so far.

    `secrets` holds 32 bytes for each, zeros where it has no pre-shared key (wg(8) knows no
    other difference); `line` is that of the first section.
    """

    known: Sequence[Section]
    numbers: list[int]
    secrets: bytes = field(repr=False)
    line: int

    def peers(self) -> tuple[PeerConf, ...]:
        """The same as one value each."""
        return tuple(self._peers())

    def _peers(self) -> Iterator[PeerConf]:
        line, secrets = self.line, self.secrets
        for at, number in enumerate(self.numbers):
            key, allowed_ips, endpoint, keepalive, name, host_bits, newlines, preshared = (
                self.known[number]
            )
            psk = PresharedKey(secrets[32 * at : 32 * at + 32]) if preshared else None
            yield PeerConf(key, psk, allowed_ips, endpoint, keepalive, name, line, host_bits)
            line += newlines


class ConfReader:
    """Reads many files of one network; equal parts of them become the same objects.

    The text of pre-shared keys is not kept.
    """

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str] | str, int] = {}
        self._known: list[Section] = []
        self._values: dict[object, object] = {}

    def read(self, text: str, *, file: str = "") -> Conf:
        """One whole file. Raises: ConfError at the first line that wg-quick would refuse."""
        conf, table = self.read_table(text, file=file)
        return conf if table is None else replace(conf, peers=table.peers())

    def read_table(self, text: str, *, file: str = "") -> tuple[Conf, PeerTable | None]:
        """The file without its peers, and those as a table; the whole file and None when
        something in it is unusual. Raises: ConfError at the first line that wg-quick would refuse.
        """
        head, *chunks = text.split("\n[Peer]\n")
        numbers = list(map(self._numbers.get, chunks))
        texts = [""] * len(chunks)
        if None in numbers:
            for at, chunk in enumerate(chunks):
                numbers[at], texts[at] = self._section(chunk)
            if None in numbers:
                return _Parser(file).parse(text), None
        parser = _Parser(file)
        try:
            secrets = decode_all(texts)
            parser.read(head)
        except (KeyFormatError, ConfError):
            return _Parser(file).parse(text), None
        parser.close()
        if parser.peers or not parser.interface_seen:
            return _Parser(file).parse(text), None
        return parser.conf(), PeerTable(
            self._known, cast(list[int], numbers), secrets, head.count("\n") + 2
        )

    def _section(self, chunk: str) -> tuple[int | None, str]:
        """The number of one section as it stands in the file, and the text of its pre-shared key;
        None when it is unusual."""
        before, found, after = chunk.partition(_PSK_KEY)
        if not found:
            known = self._numbers.get(chunk)
            return self._learn(chunk) if known is None else known, ""
        tail = after[_KEY_TEXT:]
        known = self._numbers.get((before, tail))
        return self._learn(before, tail) if known is None else known, after[:_KEY_TEXT] or "empty"

    def _learn(self, before: str, after: str | None = None) -> int | None:
        """Reads one section with the slow parser; None when it is not exactly one plain section."""
        if after and after[0] != "\n":
            return None
        parser = _Parser("")
        try:
            parser.read("[Peer]\n" + before + (after or ""))
            parser.close()
        except ConfError:
            return None
        if len(parser.peers) != 1 or parser.interface_seen:
            return None
        peer = parser.peers[0]
        if after is not None and peer.preshared_key is not None:
            return None
        if after is None and peer.preshared_key is not None:
            # an unusual spelling: read it, but do not keep the key in the table
            return None
        share = self._share
        newlines = before.count("\n") + 2
        if after is not None:
            newlines += after.count("\n") + 1
        number = len(self._known)
        self._known.append(
            Section(
                share(peer.public_key),
                share(peer.allowed_ips),
                share(peer.endpoint),
                peer.keepalive,
                share(peer.name),
                share(peer.host_bits),
                newlines,
                after is not None,
            )
        )
        self._numbers[before if after is None else (before, after)] = number
        return number

    def _share(self, value: _T) -> _T:
        return cast(_T, self._values.setdefault((type(value), value), value))


class _Entry(NamedTuple):
    """A value as written, and its line."""

    text: str
    line: int


class _Parser:
    """One pass over the lines; `section` is the dict that the current lines fill."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.interface: dict[str, list[_Entry]] = {}
        self.peers: list[PeerConf] = []
        self.section: dict[str, list[_Entry]] | None = None
        self.section_line = 0
        self.name = ""
        self.interface_name = ""
        self.interface_seen = False
        self.line = 0

    def parse(self, text: str) -> Conf:
        self.read(text)
        self.close()
        return self.conf()

    def read(self, text: str) -> None:
        for self.line, raw in enumerate(text.split("\n"), 1):
            line = raw.strip()
            if not line:
                continue
            if line[0] == "#":
                self._comment(line)
                continue
            if line[0] == "[":
                self._header(line)
                continue
            self._assignment(line)

    def _comment(self, line: str) -> None:
        """The first name inside a section is its own; a later one may introduce the next."""
        key, equals, value = line[1:].partition("=")
        if equals and key.strip().lower() == "name":
            self.name = self.name or value.strip()

    def _header(self, line: str) -> None:
        self.close()
        word = line.partition("#")[0].strip().lower()
        if word == "[interface]":
            self.section = self.interface
            self.interface_seen = True
        elif "".join(word.split()) == "[peer]":
            self.section = {}
        else:
            raise self._error(f"unknown section {line[:40]!r}", "wg knows [Interface] and [Peer]")
        self.section_line = self.line
        self.name = ""

    def _assignment(self, line: str) -> None:
        key, equals, value = line.partition("=")
        if not equals:
            raise self._error(f"not a `Key = value` line: {key[:20].strip()!r}")
        if self.section is None:
            raise self._error("a setting before any [Interface] or [Peer] section")
        word = key.strip().lower()
        known = INTERFACE_KEYS if self.section is self.interface else PEER_KEYS
        if word not in known:
            raise self._error(f"unknown key {key.strip()[:40]!r}")
        # wg-quick(8) cuts a comment off every line, hooks included
        value = value.partition("#")[0].strip()
        if not value:
            if word in MAY_BE_EMPTY:
                return
            # wg(8), config.c: a key with nothing behind it is an unrecognized line
            raise self._error(f"{known[word]} has no value")
        self.section.setdefault(word, []).append(_Entry(value, self.line))

    def close(self) -> None:
        """Ends the current section; for a peer this is where its values are read."""
        if self.section is None:
            return
        if self.section is self.interface:
            self.interface_name = self.interface_name or self.name
        else:
            self.peers.append(self._peer(self.section))
        self.section = None

    def _peer(self, keys: dict[str, list[_Entry]]) -> PeerConf:
        if "publickey" not in keys:
            raise self._error("a [Peer] without PublicKey", line=self.section_line)
        prefixes: list[Prefix] = []
        host_bits: list[str] = []
        for item in self._allowed(keys.get("allowedips", ())):
            written = self._value(InterfaceAddress.parse, item, "AllowedIPs")
            prefix = written.network
            if written.value != prefix.value:
                host_bits.append(item.text)
            prefixes.append(prefix)
        psk = keys.get("presharedkey")
        endpoint = keys.get("endpoint")
        alive = keys.get("persistentkeepalive")
        return PeerConf(
            self._value(PublicKey.parse, keys["publickey"][-1], "PublicKey"),
            self._value(PresharedKey.parse, psk[-1], "PresharedKey") if psk else None,
            tuple(prefixes),
            self._value(parse_endpoint, endpoint[-1], "Endpoint") if endpoint else None,
            self._number(alive[-1], "PersistentKeepalive", 65535) if alive else None,
            self.name,
            self.section_line,
            tuple(host_bits),
        )

    def _allowed(self, entries: Iterable[_Entry]) -> Iterator[_Entry]:
        for entry in entries:
            for item in entry.text.split(","):
                if not item.strip():
                    raise self._error("AllowedIPs has an empty entry between commas", entry=entry)
                yield _Entry(item.strip(), entry.line)

    def conf(self) -> Conf:
        keys = self.interface
        dns = _items(keys.get("dns", ()))
        number = self._optional
        return Conf(
            file=self.file,
            name=self.interface_name,
            private_key=(
                self._value(PrivateKey.parse, keys["privatekey"][-1], "PrivateKey")
                if "privatekey" in keys
                else None
            ),
            addresses=tuple(
                self._value(InterfaceAddress.parse, item, "Address")
                for item in _items(keys.get("address", ()))
            ),
            listen_port=number("listenport", 65535),
            fwmark=number("fwmark", 0xFFFFFFFF),
            mtu=number("mtu", 65535),
            dns=tuple(item.text for item in dns if _is_address(item.text)),
            search=tuple(item.text for item in dns if not _is_address(item.text)),
            table=self._table(),
            save_config=self._save_config(),
            pre_up=self._texts("preup"),
            post_up=self._texts("postup"),
            pre_down=self._texts("predown"),
            post_down=self._texts("postdown"),
            peers=tuple(self.peers),
        )

    def _texts(self, key: str) -> tuple[str, ...]:
        return tuple(entry.text for entry in self.interface.get(key, ()))

    def _table(self) -> str | None:
        text = (self._texts("table") or ("auto",))[-1]
        return None if text == "auto" else text

    def _save_config(self) -> bool:
        entry = self.interface.get("saveconfig", [_Entry("false", 0)])[-1]
        if entry.text.lower() not in ("true", "false"):
            raise self._error("SaveConfig must be true or false", entry=entry)
        return entry.text.lower() == "true"

    def _optional(self, key: str, most: int) -> int | None:
        values = self.interface.get(key)
        return self._number(values[-1], INTERFACE_KEYS[key], most) if values else None

    def _number(self, entry: _Entry, key: str, most: int) -> int | None:
        if entry.text == "off":
            return 0
        try:
            number = int(entry.text, 16 if entry.text.startswith("0x") else 10)
        except ValueError:
            number = -1
        if not 0 <= number <= most:
            raise self._error(f"{key} must be a number from 0 to {most}", entry=entry)
        return number

    def _value(self, read: Callable[[str], _T], entry: _Entry, key: str) -> _T:
        try:
            return read(entry.text)
        except (KeyFormatError, PrefixFormatError) as error:
            raise self._error(f"{key}: {error}", entry=entry) from None

    def _error(
        self, message: str, hint: str = "", *, line: int = 0, entry: _Entry | None = None
    ) -> ConfError:
        line = entry.line if entry else line or self.line
        return ConfError(message, file=self.file, line=line, hint=hint)


def parse_endpoint(text: str) -> HostPort:
    """`host:port` or `[v6]:port`. Raises: PrefixFormatError."""
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isascii() and port.isdigit() and 0 < int(port) <= 65535):
        raise PrefixFormatError(f"{text[:60]!r} is not host:port")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        parse_address(host)
    elif ":" in host:
        raise PrefixFormatError(f"{text[:60]!r}: an IPv6 endpoint is written [address]:port")
    return HostPort(host, int(port))


def _items(entries: Iterable[_Entry]) -> list[_Entry]:
    return [
        _Entry(item.strip(), entry.line)
        for entry in entries
        for item in entry.text.split(",")
        if item.strip()
    ]


def _is_address(text: str) -> bool:
    try:
        parse_address(text)
    except PrefixFormatError:
        return False
    return True


INTERFACE_KEYS = {
    key.lower(): key
    for key in (
        "PrivateKey",
        "ListenPort",
        "FwMark",
        "Address",
        "DNS",
        "MTU",
        "Table",
        "PreUp",
        "PostUp",
        "PreDown",
        "PostDown",
        "SaveConfig",
    )
}
# keys that wg-quick reads itself: it takes them empty
MAY_BE_EMPTY = frozenset(
    ("address", "dns", "mtu", "table", "preup", "postup", "predown", "postdown")
)
PEER_KEYS = {
    key.lower(): key
    for key in ("PublicKey", "PresharedKey", "AllowedIPs", "Endpoint", "PersistentKeepalive")
}
