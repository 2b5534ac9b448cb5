"""A wg-quick(8) file: its values, and the parser that is their definition.

Accepts what wg-quick and wg(8) accept: keys in any case, comments, several `Address`, `AllowedIPs`
and hook lines, comma-separated lists. What they refuse is a `ConfError` with its line; their one
oddity that is refused here as well is a service name for a port (`Endpoint = host:http`).

Many files of one network are read faster by `meshc.wg.conf_reader`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple, TypeVar

from meshc.errors import ConfError, KeyFormatError, PrefixFormatError
from meshc.keys import PresharedKey, PrivateKey, PublicKey
from meshc.prefixes import InterfaceAddress, Prefix, parse_address
from meshc.secret import quoted
from meshc.values import dataclass
from meshc.wg.endpoint import Endpoint

_T = TypeVar("_T")
_FIRST, _SECOND = itemgetter(0), itemgetter(1)


class PeerConf(NamedTuple):
    """One [Peer] section. `name` comes from a `# Name = ...` comment and has no meaning.
    `host_bits` holds the AllowedIPs entries that were written with host bits set. `may_sleep` is
    for who reads comments."""

    public_key: PublicKey
    preshared_key: PresharedKey | None
    allowed_ips: tuple[Prefix, ...]
    endpoint: Endpoint | None
    keepalive: int | None
    name: str
    line: int
    host_bits: tuple[str, ...] = ()
    may_sleep: bool = False


@dataclass(frozen=True, slots=True)
class Conf:
    """One file. `table` is None (auto), 'off', or a number or name as text; `fwmark` 0 is off.
    `rules` are comments that a hook reads out of the file, as they stand there."""

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
    rules: tuple[str, ...] = ()
    peers: tuple[PeerConf, ...] = ()


def parse(text: str, *, file: str = "") -> Conf:
    """Reads a whole file. Raises: ConfError at the first line that wg-quick would refuse."""
    return ConfParser(file).parse(text)


class _Assigned(NamedTuple):
    """A value as written, and its line."""

    text: str
    line: int


class ConfParser:
    """One pass over the lines; `section` is the dict that the current lines fill."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.interface: dict[str, list[_Assigned]] = {}
        self.peers: list[PeerConf] = []
        self.section: dict[str, list[_Assigned]] | None = None
        self.section_line = 0
        self.name = ""
        self.interface_name = ""
        self.interface_seen = False
        self.rules: list[str] = []
        self.line = 0

    def parse(self, text: str) -> Conf:
        self.read(text)
        self.close()
        return self.conf()

    def read(self, text: str) -> None:
        for self.line, raw in enumerate(text.split("\n"), 1):
            # most lines of a node with policies
            if raw.startswith(RULE_MARKS):
                self.rules.append(raw)
                continue
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
            raise self._error(
                f"unknown section {quoted(line, 40)}", "wg knows [Interface] and [Peer]"
            )
        self.section_line = self.line
        self.name = ""

    def _assignment(self, line: str) -> None:
        key, equals, value = line.partition("=")
        if not equals:
            raise self._error("not a `Key = value` line")
        if self.section is None:
            raise self._error("a setting before any [Interface] or [Peer] section")
        word = key.strip().lower()
        known = INTERFACE_KEYS if self.section is self.interface else PEER_KEYS
        if word not in known:
            if word in AMNEZIA_KEYS and known is INTERFACE_KEYS:
                raise self._error(
                    f"{quoted(key, 40)} is a key of AmneziaWG, and this is a file for it",
                    "AmneziaWG speaks another protocol than WireGuard; meshc writes none of it",
                )
            raise self._error(f"unknown key {quoted(key, 40)}")
        # wg-quick(8) cuts a comment off every line, hooks included
        value = value.partition("#")[0].strip()
        if not value:
            if word in MAY_BE_EMPTY:
                return
            # wg(8), config.c: a key with nothing behind it is an unrecognized line
            raise self._error(f"{known[word]} has no value")
        self.section.setdefault(word, []).append(_Assigned(value, self.line))

    def close(self) -> None:
        """Ends the current section; for a peer this is where its values are read."""
        if self.section is None:
            return
        if self.section is self.interface:
            self.interface_name = self.interface_name or self.name
        else:
            self.peers.append(self._peer(self.section))
        self.section = None

    def _peer(self, keys: dict[str, list[_Assigned]]) -> PeerConf:
        if "publickey" not in keys:
            raise self._error("a [Peer] without PublicKey", line=self.section_line)
        prefixes, host_bits = self._allowed(keys.get("allowedips", ()))
        psk = keys.get("presharedkey")
        endpoint = keys.get("endpoint")
        alive = keys.get("persistentkeepalive")
        return PeerConf(
            self._value(PublicKey.parse, keys["publickey"][-1], "PublicKey"),
            self._value(PresharedKey.parse, psk[-1], "PresharedKey") if psk else None,
            prefixes,
            self._value(Endpoint.parse, endpoint[-1], "Endpoint") if endpoint else None,
            self._number(alive[-1], "PersistentKeepalive", 65535) if alive else None,
            self.name,
            self.section_line,
            host_bits,
        )

    def _allowed(self, entries: Sequence[_Assigned]) -> tuple[tuple[Prefix, ...], tuple[str, ...]]:
        """The prefixes, and the texts of those that were written with host bits."""
        if not entries:
            return (), ()
        texts = [*map(str.strip, ",".join([entry.text for entry in entries]).split(","))]
        try:
            found = [*map(_allowed_prefix, texts)]
        except PrefixFormatError:
            for entry in entries:
                for text in map(str.strip, entry.text.split(",")):
                    if not text:
                        what = "AllowedIPs has an empty entry between commas"
                        raise self._error(what, entry=entry) from None
                    self._value(_allowed_prefix, _Assigned(text, entry.line), "AllowedIPs")
            raise
        prefixes = tuple([*map(_FIRST, found)])
        if all(map(_SECOND, found)):
            return prefixes, ()
        loose = [text for text, (_, exact) in zip(texts, found, strict=True) if not exact]
        return prefixes, tuple(loose)

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
            rules=tuple(self.rules),
            peers=tuple(self.peers),
        )

    def _texts(self, key: str) -> tuple[str, ...]:
        return tuple(entry.text for entry in self.interface.get(key, ()))

    def _table(self) -> str | None:
        text = (self._texts("table") or ("auto",))[-1]
        return None if text == "auto" else text

    def _save_config(self) -> bool:
        entry = self.interface.get("saveconfig", [_Assigned("false", 0)])[-1]
        if entry.text.lower() not in ("true", "false"):
            raise self._error("SaveConfig must be true or false", entry=entry)
        return entry.text.lower() == "true"

    def _optional(self, key: str, most: int) -> int | None:
        values = self.interface.get(key)
        return self._number(values[-1], INTERFACE_KEYS[key], most) if values else None

    def _number(self, entry: _Assigned, key: str, most: int) -> int | None:
        if entry.text == "off":
            return 0
        try:
            number = int(entry.text, 16 if entry.text.startswith("0x") else 10)
        except ValueError:
            number = -1
        if not 0 <= number <= most:
            raise self._error(f"{key} must be a number from 0 to {most}", entry=entry)
        return number

    def _value(self, read: Callable[[str], _T], entry: _Assigned, key: str) -> _T:
        try:
            return read(entry.text)
        except (KeyFormatError, PrefixFormatError) as error:
            raise self._error(f"{key}: {error}", entry=entry) from None

    def _error(
        self, message: str, hint: str = "", *, line: int = 0, entry: _Assigned | None = None
    ) -> ConfError:
        line = entry.line if entry else line or self.line
        return ConfError(message, file=self.file, line=line, hint=hint)


@lru_cache(maxsize=1 << 15)
def _allowed_prefix(text: str) -> tuple[Prefix, bool]:
    """The prefix, and whether it was written without host bits. The files of a network name the
    same ones again and again. Raises: PrefixFormatError."""
    written = InterfaceAddress.parse(text)
    return written.network, written.value == written.network.value


def _items(entries: Iterable[_Assigned]) -> list[_Assigned]:
    return [
        _Assigned(item.strip(), entry.line)
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


RULE_MARKS = ("#iptables ", "#ip6tables ", "#nft ")
"""What a comment begins with that a hook hands to this program."""
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
# amneziawg-tools, man wg(8): junk packets, sizes and header values of its obfuscation
AMNEZIA_KEYS = frozenset(
    {"jc", "jmin", "jmax", "itime"}
    | {f"{letter}{number}" for letter in "shij" for number in range(1, 6)}
)
PEER_KEYS = {
    key.lower(): key
    for key in ("PublicKey", "PresharedKey", "AllowedIPs", "Endpoint", "PersistentKeepalive")
}
