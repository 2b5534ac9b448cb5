"""A reader of many wg-quick files of one network, for the proof.

Theory of operation: `ConfParser` reads any file line by line and is the definition. A full mesh of
a thousand nodes has a million [Peer] sections, but only some thousand different ones once the
pre-shared key is cut out, so `ConfReader` looks each text up among those it has already read
and asks `ConfParser` for the rest. Whatever looks unusual goes to `ConfParser` whole.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar, cast

from meshc.errors import ConfError, KeyFormatError
from meshc.keys import decode_all
from meshc.secret import SecretBytes
from meshc.wg.conf import Conf, ConfParser
from meshc.wg.peer_sections import PeerSection, PeerTable

_T = TypeVar("_T")

_Cut = tuple[str, list[int | None], list[str]]

_PEER = "\n[Peer]\n"
_PSK_KEY = "\nPresharedKey = "
_KEY_TEXT = 44


class ConfReader:
    """Reads many files of one network; equal parts of them become the same objects.

    The text of pre-shared keys is not kept.
    """

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str] | str, int] = {}
        self._known: list[PeerSection] = []
        self._values: dict[object, object] = {}
        # texts before or behind a pre-shared key, by number, and what was seen of them
        self._parts: list[str] = []
        self._part_numbers: dict[str, int] = {}
        self._gaps: dict[str, tuple[int, int]] = {}
        self._joined: dict[tuple[int, int], int] = {}

    def read(self, text: str, *, file: str = "") -> Conf:
        """One whole file. Raises: ConfError at the first line that wg-quick would refuse."""
        conf, table = self.read_table(text, file=file)
        return conf if table is None else replace(conf, peers=table.peers())

    def read_table(self, text: str, *, file: str = "") -> tuple[Conf, PeerTable | None]:
        """The file without its peers, and those as a table; the whole file and None when
        something in it is unusual. Raises: ConfError at the first line that wg-quick would refuse.
        """
        head, numbers, texts = self._between_keys(text) or self._between_headers(text)
        if None in numbers:
            return ConfParser(file).parse(text), None
        parser = ConfParser(file)
        try:
            secrets = decode_all(texts)
            parser.read(head)
        except (KeyFormatError, ConfError):
            return ConfParser(file).parse(text), None
        parser.close()
        if parser.peers or not parser.interface_seen:
            return ConfParser(file).parse(text), None
        return parser.conf(), PeerTable(
            self._known, cast(list[int], numbers), SecretBytes(secrets), head.count("\n") + 2
        )

    def _between_headers(self, text: str) -> _Cut:
        """The head, then the number of every section and the text of its pre-shared key."""
        head, *chunks = text.split(_PEER)
        numbers = list(map(self._numbers.get, chunks))
        texts = [""] * len(chunks)
        if None in numbers:
            for at, chunk in enumerate(chunks):
                numbers[at], texts[at] = self._section(chunk)
        return head, numbers, texts

    def _between_keys(self, text: str) -> _Cut | None:
        """The same where every section has a pre-shared key, cut at these: what stands between two
        of them is the end of one section and the beginning of the next, and the same in most files.
        None where that is not so."""
        first, *pieces = text.split(_PSK_KEY)
        head, header, begin = first.partition(_PEER)
        if not pieces or not header or _PEER in begin:
            return None
        texts = [piece[:_KEY_TEXT] for piece in pieces]
        gaps = [piece[_KEY_TEXT:] for piece in pieces]
        last = gaps.pop()
        if _PEER in last or "" in texts:
            return None
        ends = list(map(self._gaps.get, gaps))
        if None in ends:
            for at, end in enumerate(ends):
                if end is None:
                    ends[at] = self._gap(gaps[at])
            if None in ends:
                return None
        befores = [self._part(begin)]
        afters: list[int] = []
        if ends:
            some, others = zip(*cast(list[tuple[int, int]], ends), strict=True)
            afters += some
            befores += others
        afters.append(self._part(last))
        numbers = list(map(self._joined.get, zip(befores, afters, strict=True)))
        if None in numbers:
            for at, number in enumerate(numbers):
                if number is None:
                    numbers[at] = self._join(befores[at], afters[at])
        return head, numbers, texts

    def _gap(self, gap: str) -> tuple[int, int] | None:
        """The two parts of it; None when it is not the way from one section to the next."""
        after, header, before = gap.partition(_PEER)
        if not header or _PEER in before:
            return None
        self._gaps[gap] = found = self._part(after), self._part(before)
        return found

    def _part(self, text: str) -> int:
        number = self._part_numbers.setdefault(text, len(self._parts))
        if number == len(self._parts):
            self._parts.append(text)
        return number

    def _join(self, before: int, after: int) -> int | None:
        texts = self._parts[before], self._parts[after]
        known = self._numbers.get(texts)
        number = self._learn(*texts) if known is None else known
        if number is not None:
            self._joined[before, after] = number
        return number

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
        parser = ConfParser("")
        try:
            parser.read("[Peer]\n" + before + (after or ""))
            parser.close()
        except ConfError:
            return None
        if len(parser.peers) != 1 or parser.interface_seen or parser.rules:
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
            PeerSection(
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
